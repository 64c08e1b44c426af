//! What the figures are to be, and whether they are.

use std::fmt;

/// One of them.
#[derive(Debug)]
pub(crate) struct Aim {
    pub(crate) what: String,
    pub(crate) aim: String,
    pub(crate) reached: String,
    pub(crate) met: bool,
}

/// All of a run, as a table.
#[derive(Debug)]
pub(crate) struct Aims(pub(crate) Vec<Aim>);

impl fmt::Display for Aims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| of the switch | aim | reached | met |\n|---|---|---|---|"
        )?;
        for Aim {
            what,
            aim,
            reached,
            met,
        } in &self.0
        {
            let met = if *met { "yes" } else { "no" };
            writeln!(f, "| {what} | {aim} | {reached} | {met} |")?;
        }
        Ok(())
    }
}
