//! The implementation that is written for a declared message: public names of `iso8583` only.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::LitByteStr;

use crate::declared::{Declared, Element, Place};

pub(crate) fn implementation(declared: &Declared) -> TokenStream {
    let name = &declared.name;
    let (generics, arguments, bounds) = declared.generics.split_for_impl();
    let mti = LitByteStr::new(declared.mti.value().as_bytes(), declared.mti.span());
    let to_message = to_message(declared);
    let from_message = from_message(declared);
    let printed = printed(declared, &mti);
    // Of a struct with parameters the types are known where it is used.
    let at_once = declared.generics.params.is_empty().then(|| {
        quote! { const _: () = { #(#printed)* }; }
    });
    quote! {
        #at_once

        #[automatically_derived]
        impl #generics ::iso8583::TypedMessage for #name #arguments #bounds {
            const MTI: ::iso8583::Mti = {
                #(#printed)*
                ::iso8583::Mti::literal(*#mti)
            };

            fn to_message(&self) -> ::iso8583::Message {
                #to_message
            }

            fn from_message(
                message: &::iso8583::Message,
            ) -> ::core::result::Result<Self, ::iso8583::typed::Mismatch> {
                #from_message
            }
        }

        #[automatically_derived]
        impl #generics ::core::convert::TryFrom<&::iso8583::Message> for #name #arguments #bounds {
            type Error = ::iso8583::typed::Mismatch;

            fn try_from(
                message: &::iso8583::Message,
            ) -> ::core::result::Result<Self, ::iso8583::typed::Mismatch> {
                ::iso8583::TypedMessage::from_message(message)
            }
        }
    }
}

/// For each element: a type that prints all it holds may stand there only where the edition of the
/// message type lets it be printed.
fn printed(declared: &Declared, mti: &LitByteStr) -> Vec<TokenStream> {
    let elements = declared.elements.iter();
    let check = |element: &Element| {
        let Place::One(de) = element.place else {
            return None;
        };
        let implementor = implementor(element);
        let says = format!(
            "DE {de} of {} is never printed: `iso8583::element::Concealed` may hold it",
            declared.mti.value()
        );
        Some(quote! {
            ::core::assert!(
                !#implementor::PRINTS_ALL
                    || ::iso8583::typed::is_shown(::iso8583::Mti::literal(*#mti), #de),
                #says
            );
        })
    };
    elements.filter_map(check).collect()
}

fn to_message(declared: &Declared) -> TokenStream {
    let start = match &declared.rest {
        Some(rest) => {
            let numbers = numbers(declared);
            let clone = quote_spanned! { rest.span()=> self.#rest.clone() };
            quote! {
                let mut message: ::iso8583::Message = #clone;
                message.set_mti(<Self as ::iso8583::TypedMessage>::MTI);
                let named: &[u8] = &[#(#numbers),*];
                for de in named {
                    message.remove(*de);
                }
            }
        }
        None => quote! {
            let mut message = ::iso8583::Message::new(<Self as ::iso8583::TypedMessage>::MTI);
        },
    };
    let repeat = declared.repeat.iter().map(|repeat| {
        quote_spanned! { repeat.span()=>
            if self.#repeat {
                message.set_mti(<Self as ::iso8583::TypedMessage>::MTI.repeat());
            }
        }
    });
    let elements = declared.elements.iter().map(|element| {
        let (name, implementor) = (&element.name, implementor(element));
        if element.optional {
            quote! {
                if let ::core::option::Option::Some(value) = &self.#name {
                    #implementor::write(value, &mut message);
                }
            }
        } else {
            quote! { #implementor::write(&self.#name, &mut message); }
        }
    });
    quote! {
        #start
        #(#repeat)*
        #(#elements)*
        message
    }
}

fn from_message(declared: &Declared) -> TokenStream {
    let elements = declared.elements.iter().map(|element| {
        let (name, implementor) = (&element.name, implementor(element));
        let required = (!element.optional).then(|| {
            let (Place::One(de) | Place::Pair(de, _)) = element.place;
            quote! { .ok_or(::iso8583::typed::Mismatch::Missing { de: #de })? }
        });
        quote! { #name: #implementor::read(message)? #required, }
    });
    let rest = declared.rest.iter().map(|rest| {
        let numbers = numbers(declared);
        quote_spanned! { rest.span()=>
            #rest: {
                let mut rest = message.clone();
                let named: &[u8] = &[#(#numbers),*];
                for de in named {
                    rest.remove(*de);
                }
                rest
            },
        }
    });
    let repeated = declared.repeat.iter().map(|repeat| {
        quote_spanned! { repeat.span()=> #repeat: found != expected, }
    });
    let allowed = declared.repeat.iter().map(|_| {
        quote! { && found != expected.repeat() }
    });
    quote! {
        let expected = <Self as ::iso8583::TypedMessage>::MTI;
        let found = message.mti();
        if found != expected #(#allowed)* {
            return ::core::result::Result::Err(
                ::iso8583::typed::Mismatch::Mti { expected, found },
            );
        }
        ::core::result::Result::Ok(Self {
            #(#elements)*
            #(#rest)*
            #(#repeated)*
        })
    }
}

/// The type of a field as what it must be to stand there: where it is not, the compiler says so at
/// the type.
fn implementor(element: &Element) -> TokenStream {
    let holds = &element.holds;
    match element.place {
        Place::One(de) => quote! { <#holds as ::iso8583::typed::ElementOf<#de>> },
        Place::Pair(first, second) => {
            quote! { <#holds as ::iso8583::typed::PairOf<#first, #second>> }
        }
    }
}

/// Every data element that has its own field.
fn numbers(declared: &Declared) -> Vec<u8> {
    let places = declared.elements.iter().map(|element| element.place);
    places
        .flat_map(|place| match place {
            Place::One(de) => vec![de],
            Place::Pair(first, second) => vec![first, second],
        })
        .collect()
}
