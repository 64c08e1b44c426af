//! Values of a message by path, in clear: for programs.

use zeroize::Zeroizing;

use crate::composite::Composite;
use crate::encoding::Nowhere;
use crate::error::{EncodeErrorKind, Path, PathError, PathErrorKind};
use crate::message::Message;
use crate::mti::Mti;
use crate::spec::{Dialect, Field};

impl Message {
    /// The canonical value at a path, **in clear**; None where the message has none.
    ///
    /// ```
    /// use iso8583::{Dialect, Message, Mti};
    ///
    /// let dialect = Dialect::iso87_ascii_binmap();
    /// let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
    /// sale.set_at(dialect, &"55.9F1A".parse()?, b"\x04\x10")?;
    /// assert_eq!(sale.field(55), Some(&b"\x9F\x1A\x02\x04\x10"[..]));
    /// let country = sale.value_at(dialect, &"55.9F1A".parse()?)?;
    /// assert_eq!(country.unwrap().as_slice(), b"\x04\x10");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where the path leads to nothing the dialect could have, or a value on the way is not what
    /// the dialect says.
    pub fn value_at(
        &self,
        dialect: &Dialect,
        path: &Path,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, PathError> {
        let owned = |value: &[u8]| Zeroizing::new(value.to_vec());
        match path {
            Path::Mti => Ok(Some(owned(self.mti().as_bytes()))),
            Path::Field(de) => Ok(self.field(*de).map(owned)),
            Path::Subfield(de, inner) => {
                let (_, content) = composed(dialect, path, *de)?;
                let Some(value) = self.field(*de) else {
                    return Ok(None);
                };
                content
                    .read(value, &parts(inner))
                    .map_err(|kind| at(path, kind))
            }
            Path::Bitmap | Path::End => Err(at(path, PathErrorKind::NoValue)),
        }
    }

    /// Sets the value at a path to a canonical one. Only the subfield is written anew, with the
    /// lengths around it. A tag that is not there is added behind the others.
    ///
    /// # Errors
    /// Where the path leads to nothing the dialect could have, the dialect does not allow the
    /// value there, or a value on the way is not what the dialect says. The message is as before.
    pub fn set_at(
        &mut self,
        dialect: &Dialect,
        path: &Path,
        value: &[u8],
    ) -> Result<&mut Self, PathError> {
        match path {
            Path::Mti => {
                let kind = PathErrorKind::Encode(EncodeErrorKind::Class {
                    position: 1,
                    class: "n4",
                });
                self.set_mti(Mti::try_from(value).map_err(|_| at(path, kind))?);
                Ok(self)
            }
            Path::Field(de) => {
                let field = known(dialect, path, *de)?;
                allowed(field, value).map_err(|kind| at(path, PathErrorKind::Encode(kind)))?;
                Ok(self.set(*de, value))
            }
            Path::Subfield(de, inner) => self.change(dialect, path, (*de, inner), Some(value)),
            Path::Bitmap | Path::End => Err(at(path, PathErrorKind::NoValue)),
        }
    }

    /// Removes what is at a path; nothing happens where there is none. A data element of which
    /// nothing is left goes with its last subfield.
    ///
    /// # Errors
    /// Where the path leads to nothing the dialect could have, others cannot do without what is
    /// there, or a value on the way is not what the dialect says. The message is as before.
    pub fn remove_at(&mut self, dialect: &Dialect, path: &Path) -> Result<&mut Self, PathError> {
        match path {
            Path::Mti => Err(at(path, PathErrorKind::Needed)),
            Path::Field(de) => Ok(self.remove(*de)),
            Path::Subfield(de, _) if !self.has(*de) => {
                composed(dialect, path, *de)?;
                Ok(self)
            }
            Path::Subfield(de, inner) => self.change(dialect, path, (*de, inner), None),
            Path::Bitmap | Path::End => Err(at(path, PathErrorKind::NoValue)),
        }
    }

    fn change(
        &mut self,
        dialect: &Dialect,
        path: &Path,
        (de, inner): (u8, &str),
        value: Option<&[u8]>,
    ) -> Result<&mut Self, PathError> {
        let (field, content) = composed(dialect, path, de)?;
        let old = self.field(de).unwrap_or_default();
        let changed = content
            .change(old, &parts(inner), value)
            .map_err(|kind| at(path, kind))?;
        if changed.is_empty() && value.is_none() {
            return Ok(self.remove(de));
        }
        if changed.as_slice() == old && self.has(de) {
            return Ok(self);
        }
        allowed(field, &changed)
            .map_err(|kind| at(&Path::Field(de), PathErrorKind::Encode(kind)))?;
        Ok(self.set(de, &changed))
    }
}

/// May the field have the value?
fn allowed(field: &Field, value: &[u8]) -> Result<(), EncodeErrorKind> {
    field.encode(value, &mut Nowhere::default())?;
    match field.content() {
        Some(content) if content.check(value).is_err() => Err(EncodeErrorKind::Subfields),
        _ => Ok(()),
    }
}

fn known<'a>(dialect: &'a Dialect, path: &Path, de: u8) -> Result<&'a Field, PathError> {
    dialect
        .field(de)
        .ok_or_else(|| at(path, PathErrorKind::NoSuchField))
}

fn composed<'a>(
    dialect: &'a Dialect,
    path: &Path,
    de: u8,
) -> Result<(&'a Field, &'a Composite), PathError> {
    let field = known(dialect, path, de)?;
    let content = field
        .content()
        .ok_or_else(|| at(path, PathErrorKind::NoSubfields))?;
    Ok((field, content))
}

fn parts(inner: &str) -> Vec<&str> {
    inner.split('.').collect()
}

fn at(path: &Path, kind: PathErrorKind) -> PathError {
    PathError {
        path: path.clone(),
        kind,
    }
}
