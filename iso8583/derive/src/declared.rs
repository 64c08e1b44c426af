//! What a struct declares of its message, checked as far as it can be without types.

use std::collections::BTreeMap;

use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, GenericArgument, Generics, Ident, LitInt,
    LitStr, PathArguments, Result, Token, Type,
};

/// A struct that stands for one message type.
pub(crate) struct Declared {
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) mti: LitStr,
    pub(crate) elements: Vec<Element>,
    pub(crate) rest: Option<Ident>,
    pub(crate) repeat: Option<Ident>,
}

/// A field that stands for one data element or for a pair of them.
pub(crate) struct Element {
    pub(crate) name: Ident,
    /// Without its `Option`.
    pub(crate) holds: Type,
    pub(crate) optional: bool,
    pub(crate) place: Place,
}

#[derive(Clone, Copy)]
pub(crate) enum Place {
    One(u8),
    Pair(u8, u8),
}

/// What the attribute of a field makes it.
enum Role {
    Element(Vec<LitInt>),
    Rest,
    Repeat,
}

impl Declared {
    /// Reads a struct.
    ///
    /// # Errors
    /// Every fault at once, each at its place.
    pub(crate) fn read(input: &DeriveInput) -> Result<Self> {
        let mut faults = Faults::default();
        let mti = faults.keep(mti(input));
        let mut fields = Roles::default();
        for field in named_fields(input)? {
            let read = role(field).and_then(|role| fields.add(field, role));
            faults.keep(read);
        }
        if let (Some(mti), Some(repeat)) = (&mti, &fields.repeat)
            && mti.value().ends_with(['1', '3', '5'])
        {
            let says = format!("{} is a repeat already", mti.value());
            faults.keep::<()>(Err(Error::new_spanned(repeat, says)));
        }
        match (faults.0, mti) {
            (None, Some(mti)) => Ok(Self {
                name: input.ident.clone(),
                generics: input.generics.clone(),
                mti,
                elements: fields.elements,
                rest: fields.rest,
                repeat: fields.repeat,
            }),
            (Some(faults), _) => Err(faults),
            // Not reached: without an MTI there is a fault.
            (None, None) => Err(Error::new_spanned(&input.ident, NO_MTI)),
        }
    }
}

const NO_MTI: &str = "which message type? write `#[iso8583(mti = \"0200\")]`";
const NO_ELEMENT: &str = "which data element? write `#[field(11)]`";

/// The fields read so far, and who has which data element.
#[derive(Default)]
struct Roles {
    elements: Vec<Element>,
    taken: BTreeMap<u8, Ident>,
    rest: Option<Ident>,
    repeat: Option<Ident>,
}

impl Roles {
    fn add(&mut self, field: &Field, role: Role) -> Result<()> {
        let Some(name) = field.ident.clone() else {
            return Ok(());
        };
        match role {
            Role::Element(numbers) => self.add_element(name, &field.ty, &numbers),
            Role::Rest => only(&mut self.rest, name, "#[rest]"),
            Role::Repeat => only(&mut self.repeat, name, "#[repeat]"),
        }
    }

    fn add_element(&mut self, name: Ident, of: &Type, numbers: &[LitInt]) -> Result<()> {
        let mut places = Vec::new();
        for number in numbers {
            let de = data_element(number)?;
            if let Some(other) = self.taken.insert(de, name.clone()) {
                let says = format!("DE {de} is `{other}` already");
                return Err(Error::new_spanned(number, says));
            }
            places.push(de);
        }
        let place = match *places {
            [one] => Place::One(one),
            [first, second] => Place::Pair(first, second),
            _ => {
                return Err(Error::new_spanned(
                    name,
                    "one data element, or a pair of two",
                ));
            }
        };
        let inner = inside_option(of);
        self.elements.push(Element {
            name,
            holds: inner.unwrap_or(of).clone(),
            optional: inner.is_some(),
            place,
        });
        Ok(())
    }
}

fn only(slot: &mut Option<Ident>, name: Ident, attribute: &str) -> Result<()> {
    match slot {
        Some(other) => {
            let says = format!("`{attribute}` is `{other}` already");
            Err(Error::new_spanned(name, says))
        }
        None => {
            *slot = Some(name);
            Ok(())
        }
    }
}

fn named_fields(input: &DeriveInput) -> Result<impl Iterator<Item = &Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter()),
            Fields::Unnamed(_) | Fields::Unit => Err(not_a_message(input)),
        },
        Data::Enum(_) | Data::Union(_) => Err(not_a_message(input)),
    }
}

fn not_a_message(input: &DeriveInput) -> Error {
    Error::new_spanned(
        &input.ident,
        "a typed message is a struct with named fields",
    )
}

fn mti(input: &DeriveInput) -> Result<LitStr> {
    let mut found: Option<LitStr> = None;
    for attribute in ours(&input.attrs, "iso8583") {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("mti") {
                return Err(meta.error("expected `mti`"));
            }
            match found.replace(meta.value()?.parse()?) {
                Some(_) => Err(meta.error("`mti` is given twice")),
                None => Ok(()),
            }
        })?;
    }
    let mti = found.ok_or_else(|| Error::new_spanned(&input.ident, NO_MTI))?;
    let digits = mti.value();
    if digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        Ok(mti)
    } else {
        Err(Error::new_spanned(
            mti,
            "an MTI is four digits, as in \"0200\"",
        ))
    }
}

fn role(field: &Field) -> Result<Role> {
    let mut roles = Vec::new();
    for attribute in ours(&field.attrs, "field") {
        let numbers =
            attribute.parse_args_with(Punctuated::<LitInt, Token![,]>::parse_terminated)?;
        roles.push((attribute, Role::Element(numbers.into_iter().collect())));
    }
    for attribute in ours(&field.attrs, "rest") {
        attribute.meta.require_path_only()?;
        roles.push((attribute, Role::Rest));
    }
    for attribute in ours(&field.attrs, "repeat") {
        attribute.meta.require_path_only()?;
        roles.push((attribute, Role::Repeat));
    }
    let mut roles = roles.into_iter();
    match (roles.next(), roles.next()) {
        (Some((_, role)), None) => Ok(role),
        (Some(_), Some((second, _))) => Err(Error::new_spanned(
            second,
            "a field has one place in its message",
        )),
        (None, _) => Err(Error::new_spanned(&field.ident, NO_ELEMENT)),
    }
}

fn ours<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a Attribute> {
    attributes
        .iter()
        .filter(move |attribute| attribute.path().is_ident(name))
}

fn data_element(number: &LitInt) -> Result<u8> {
    match number.base10_parse() {
        Ok(de @ (2..=64 | 66..=128)) => Ok(de),
        Ok(_) | Err(_) => {
            let says = format!("no DE {number}: data elements are 2 to 64 and 66 to 128");
            Err(Error::new_spanned(number, says))
        }
    }
}

/// The `T` of an `Option<T>`, however it is spelled out.
fn inside_option(of: &Type) -> Option<&Type> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if last.ident == "Option" => {
            match arguments.args.first() {
                Some(GenericArgument::Type(inner)) => Some(inner),
                Some(_) | None => None,
            }
        }
        PathArguments::AngleBracketed(_)
        | PathArguments::Parenthesized(_)
        | PathArguments::None => None,
    }
}

/// Every fault found, so that one build tells them all.
#[derive(Default)]
struct Faults(Option<Error>);

impl Faults {
    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                match &mut self.0 {
                    Some(faults) => faults.combine(fault),
                    None => self.0 = Some(fault),
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each fault of a struct: the source it points at, and what it says.
    fn faults(source: &str) -> Vec<(String, String)> {
        let input: DeriveInput = syn::parse_str(source).unwrap();
        let Err(faults) = Declared::read(&input) else {
            return Vec::new();
        };
        let faults = faults.into_iter();
        faults
            .map(|fault| (fault.span().source_text().unwrap(), fault.to_string()))
            .collect()
    }

    fn struct_of(fields: &str) -> String {
        format!("#[iso8583(mti = \"0200\")] struct Purchase {{ {fields} }}")
    }

    #[track_caller]
    fn refuses(source: &str, at: &str, says: &str) {
        assert_eq!(faults(source), [(at.to_owned(), says.to_owned())]);
    }

    #[test]
    fn ok_elements_pairs_options_rest_and_repeat() {
        let source = struct_of(
            "#[field(2)] pan: Pan,
             #[field(4, 49)] amount: Amount,
             #[field(35)] track2: std::option::Option<Track2>,
             #[rest] rest: Message,
             #[repeat] repeat: bool",
        );
        let declared = Declared::read(&syn::parse_str(&source).unwrap()).unwrap();
        assert_eq!(declared.mti.value(), "0200");
        assert_eq!(declared.rest.unwrap(), "rest");
        assert_eq!(declared.repeat.unwrap(), "repeat");
        let [pan, amount, track2] = &*declared.elements else {
            panic!("three elements");
        };
        assert!(matches!((pan.place, pan.optional), (Place::One(2), false)));
        assert!(matches!(
            (amount.place, amount.optional),
            (Place::Pair(4, 49), false)
        ));
        assert!(matches!(
            (track2.place, track2.optional),
            (Place::One(35), true)
        ));
    }

    #[test]
    fn err_a_number_that_is_no_data_element() {
        for number in [
            "0",
            "1",
            "65",
            "129",
            "256",
            "4_000_000_000_000_000_000_000",
        ] {
            let says = format!("no DE {number}: data elements are 2 to 64 and 66 to 128");
            refuses(
                &struct_of(&format!("#[field({number})] x: Pan")),
                number,
                &says,
            );
        }
        for number in [2, 64, 66, 128] {
            assert_eq!(
                faults(&struct_of(&format!("#[field({number})] x: Pan"))),
                []
            );
        }
    }

    #[test]
    fn err_a_data_element_twice() {
        refuses(
            &struct_of("#[field(04)] amount: MinorUnits, #[field(4, 49)] total: Amount"),
            "4",
            "DE 4 is `amount` already",
        );
        refuses(
            &struct_of("#[field(49, 49)] x: Amount"),
            "49",
            "DE 49 is `x` already",
        );
    }

    #[test]
    fn err_a_field_without_a_place_or_with_two() {
        refuses(&struct_of("pan: Pan"), "pan", NO_ELEMENT);
        let one_place = "a field has one place in its message";
        refuses(
            &struct_of("#[field(2)] #[rest] x: Message"),
            "#[rest]",
            one_place,
        );
        refuses(
            &struct_of("#[field(2)] #[field(3)] x: Pan"),
            "#[field(3)]",
            one_place,
        );
        for numbers in ["", "4, 49, 50"] {
            let says = "one data element, or a pair of two";
            refuses(
                &struct_of(&format!("#[field({numbers})] x: Pan")),
                "x",
                says,
            );
        }
        refuses(
            &struct_of("#[field(\"2\")] x: Pan"),
            "\"2\"",
            "expected integer literal",
        );
        let twice = struct_of("#[rest] a: Message, #[rest] b: Message");
        refuses(&twice, "b", "`#[rest]` is `a` already");
    }

    #[test]
    fn err_no_message_type_or_none_that_can_be() {
        refuses("struct Purchase {}", "Purchase", NO_MTI);
        for mti in ["\"200\"", "\"02000\"", "\"02A0\"", "\"０２\""] {
            let source = format!("#[iso8583(mti = {mti})] struct Purchase {{}}");
            refuses(&source, mti, "an MTI is four digits, as in \"0200\"");
        }
        refuses(
            "#[iso8583(mti = 0200)] struct Purchase {}",
            "0200",
            "expected string literal",
        );
        refuses(
            "#[iso8583(name = \"x\")] struct Purchase {}",
            "name",
            "expected `mti`",
        );
        refuses(
            "#[iso8583(mti = \"0421\")] struct Reversal { #[repeat] again: bool }",
            "again",
            "0421 is a repeat already",
        );
    }

    #[test]
    fn err_no_struct_with_names() {
        for source in [
            "enum Purchase {}",
            "struct Purchase(Pan);",
            "struct Purchase;",
        ] {
            let source = format!("#[iso8583(mti = \"0200\")] {source}");
            refuses(
                &source,
                "Purchase",
                "a typed message is a struct with named fields",
            );
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let source = "struct Purchase { pan: Pan, #[field(65)] x: Pan }";
        let places: Vec<String> = faults(source).into_iter().map(|(at, _)| at).collect();
        assert_eq!(places, ["Purchase", "pan", "65"]);
    }
}
