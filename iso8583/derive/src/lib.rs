//! The derive of `iso8583::TypedMessage`. Used through `iso8583`, which says what it does.
//!
//! What this crate is **not**: it knows no element, no dialect and no type that may stand in an
//! element. It reads numbers and names off a struct, and leaves to the compiler and the traits of
//! `iso8583::typed` whether the types are right.
//!
//! # Layout
//! - `declared`: what the struct declares, checked
//! - `written`: the implementation written for it

mod declared;
mod written;

use proc_macro::TokenStream;
use syn::DeriveInput;

use crate::declared::Declared;

/// Makes a struct a message: see `iso8583::TypedMessage`.
///
/// - `#[iso8583(mti = "0200")]` on the struct: its message type
/// - `#[field(11)]` on a field: its data element; `#[field(4, 49)]`: a pair of them
/// - `#[rest]` on a field of type `Message`: every data element no other field names
/// - `#[repeat]` on a field of type `bool`: is it the repeat of the message type?
///
/// A field of type `Option` is a data element that need not be there.
#[proc_macro_derive(TypedMessage, attributes(iso8583, field, rest, repeat))]
pub fn typed_message(input: TokenStream) -> TokenStream {
    expand(syn::parse(input)).into()
}

/// The implementation, or every fault of the struct as a compile error at its place.
fn expand(input: syn::Result<DeriveInput>) -> proc_macro2::TokenStream {
    match input.and_then(|input| Declared::read(&input)) {
        Ok(declared) => written::implementation(&declared),
        Err(faults) => faults.into_compile_error(),
    }
}
