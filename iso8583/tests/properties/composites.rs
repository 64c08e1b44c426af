//! Composites nobody has thought of: any form of subfields that builds, in any form.

use core::fmt;
use std::collections::BTreeMap;

use iso8583::composite::{Ber, Bitmapped, Composite, TagCoding, TagForm, Tagged, Unknown};
use iso8583::spec::{
    Align, BitmapForm, Class, Counting, Encoding, Field, Length, Prefix, PrefixCoding,
};
use iso8583::{Dialect, Message, Mti, Path, PathError};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::specs::{fields, values};

/// A form of subfields, and values for some of them by their paths, in an order they can be set in.
#[derive(Clone, Debug)]
struct Made {
    form: Composite,
    sets: Vec<(String, Vec<u8>)>,
}

/// A subfield, and what is set in it: its value under an empty path, or those of its own parts.
#[derive(Clone, Debug)]
struct Part {
    field: Field,
    sets: Vec<(String, Vec<u8>)>,
}

impl Part {
    fn under(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let path = |inner: &str| match inner {
            "" => name.to_owned(),
            inner => format!("{name}.{inner}"),
        };
        let sets = self.sets.iter();
        sets.map(|(inner, value)| (path(inner), value.clone()))
            .collect()
    }
}

/// A dialect whose DE 48 is made of subfields, and values for them.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) dialect: Dialect,
    pub(crate) sets: Vec<(Path, Vec<u8>)>,
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let outer = select(vec![Encoding::Binary, Encoding::Hex, Encoding::EbcdicHex]);
    (outer, made(3)).prop_map(|(encoding, made)| {
        let field = Field::new("outer", Class::B, encoding, up_to(60_000)).unwrap();
        let field = field.composed(made.form).unwrap();
        let dialect = Dialect::builder("composed").field(48, field).build();
        let dialect = dialect.unwrap();
        let sets = made.sets.into_iter();
        let sets = sets.map(|(path, value)| (Path::Subfield(48, path), value));
        Case {
            dialect,
            sets: sets.collect(),
        }
    })
}

/// What is made of what, without the rest of the dialect.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = self.dialect.field(48).and_then(Field::content);
        let set = |(path, value): &(Path, Vec<u8>)| format!("{path} = {}", value.escape_ascii());
        let sets: Vec<String> = self.sets.iter().map(set).collect();
        write!(f, "{form:?} {sets:#?}")
    }
}

impl Case {
    /// A message with every value set.
    pub(crate) fn message(&self) -> Result<Message, PathError> {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        for (path, value) in &self.sets {
            message.set_at(&self.dialect, path, value)?;
        }
        Ok(message)
    }
}

fn up_to(max: u16) -> Length {
    let prefix = Prefix {
        digits: 2,
        coding: PrefixCoding::Binary,
        counting: Counting::Bytes,
    };
    Length::up_to(max, prefix)
}

fn made(depth: u32) -> BoxedStrategy<Made> {
    let plain = prop_oneof![
        positional(depth),
        tagged(depth),
        ber(depth),
        bitmapped(depth)
    ];
    let plain = plain.boxed();
    let coded = (leaves(Counting::Bytes), plain.clone()).prop_map(|(code, rest)| {
        let sets = [code.under("code"), rest.sets].concat();
        let rest = Box::new(rest.form);
        let code = code.field;
        Made {
            form: Composite::Coded { code, rest },
            sets,
        }
    });
    prop_oneof![4 => plain, 1 => coded].boxed()
}

/// A field with a value, or one made of subfields. Where lengths are counted so.
fn parts(depth: u32, counting: Counting) -> BoxedStrategy<Part> {
    if depth <= 1 {
        return leaves(counting);
    }
    // One that nothing is set in would be a gap before those behind it.
    let filled = made(depth - 1).prop_filter("subfields", |made| !made.sets.is_empty());
    let composed = filled.prop_map(|made| Part {
        field: Field::new("inner", Class::B, Encoding::Binary, up_to(20_000))
            .and_then(|field| field.composed(made.form))
            .unwrap(),
        sets: made.sets,
    });
    prop_oneof![3 => leaves(counting), 1 => composed].boxed()
}

fn leaves(counting: Counting) -> BoxedStrategy<Part> {
    fields()
        .prop_flat_map(move |field| {
            let value = values(&field, Some(counting));
            (Just(field), value)
        })
        .prop_map(|(field, value)| Part {
            field,
            sets: vec![(String::new(), value)],
        })
        .boxed()
}

fn positional(depth: u32) -> BoxedStrategy<Made> {
    vec(parts(depth, Counting::Characters), 0..5)
        .prop_map(|parts| Made {
            sets: (1..)
                .zip(&parts)
                .flat_map(|(place, part)| part.under(&place.to_string()))
                .collect(),
            form: Composite::Positional(parts.into_iter().map(|part| part.field).collect()),
        })
        .boxed()
}

fn tagged(depth: u32) -> BoxedStrategy<Made> {
    let coding = select(vec![
        TagCoding::Text,
        TagCoding::Bcd(Align::Left),
        TagCoding::Bcd(Align::Right),
        TagCoding::Binary,
    ]);
    let length = (
        1..=6_u8,
        select(vec![
            PrefixCoding::Ascii,
            PrefixCoding::Ebcdic,
            PrefixCoding::Bcd,
            PrefixCoding::Binary,
            PrefixCoding::Hex,
        ]),
        select(vec![
            Counting::Characters,
            Counting::Bytes,
            Counting::Nibbles,
        ]),
    );
    (coding, 1..=4_u8, length)
        .prop_flat_map(move |(coding, width, (digits, lengths, counting))| {
            let known = vec(parts(depth, counting), 0..4);
            let length = Prefix {
                digits,
                coding: lengths,
                counting,
            };
            (Just(TagForm { width, coding }), Just(length), known)
        })
        .prop_filter_map("lengths that say every value", |(tag, length, parts)| {
            let width = usize::from(tag.width);
            let width = if tag.coding == TagCoding::Binary {
                width * 2
            } else {
                width
            };
            let names: Vec<String> = (1..)
                .take(parts.len())
                .map(|n| format!("{n:0width$}"))
                .collect();
            let form = Composite::Tagged(Tagged {
                tag,
                length,
                prefix: "T".into(),
                known: names
                    .iter()
                    .cloned()
                    .zip(parts.iter().map(|it| it.field.clone()))
                    .collect(),
                unknown: Unknown::Refuse,
            });
            let sets = names.iter().zip(&parts);
            let sets = sets
                .flat_map(|(name, part)| part.under(&format!("T{name}")))
                .collect();
            builds(&form).then_some(Made { form, sets })
        })
        .boxed()
}

fn ber(depth: u32) -> BoxedStrategy<Made> {
    let tags = select(vec!["82", "9F02", "9F10", "DF8101", "E1", "FF21"]);
    btree_map(tags, parts(depth, Counting::Bytes), 0..4)
        .prop_map(|parts| {
            let named = |(tag, part): (&&str, &Part)| ((*tag).to_owned(), part.field.clone());
            let known: BTreeMap<String, Field> = parts.iter().map(named).collect();
            Made {
                form: Composite::Ber(Ber {
                    known,
                    unknown: Unknown::Keep,
                }),
                sets: parts
                    .iter()
                    .flat_map(|(tag, part)| part.under(tag))
                    .collect(),
            }
        })
        .boxed()
}

fn bitmapped(depth: u32) -> BoxedStrategy<Made> {
    let form = select(vec![
        BitmapForm::Binary,
        BitmapForm::Hex,
        BitmapForm::EbcdicHex,
    ]);
    let map = (1..=24_u8, form, any::<bool>());
    (
        map,
        btree_map(1..=u8::MAX, parts(depth, Counting::Characters), 0..5),
    )
        .prop_map(|((width, form, extends), mut parts)| {
            let bits = usize::from(width) * if extends { 16 } else { 8 };
            parts.retain(|bit, _| usize::from(*bit) <= bits && (*bit > 1 || !extends));
            Made {
                sets: parts
                    .iter()
                    .flat_map(|(bit, part)| part.under(&bit.to_string()))
                    .collect(),
                form: Composite::Bitmapped(Bitmapped {
                    width,
                    form,
                    extends,
                    fields: parts
                        .into_iter()
                        .map(|(bit, part)| (bit, part.field))
                        .collect(),
                }),
            }
        })
        .boxed()
}

fn builds(form: &Composite) -> bool {
    Field::new("any", Class::B, Encoding::Binary, up_to(60_000))
        .and_then(|field| field.composed(form.clone()))
        .is_ok()
}
