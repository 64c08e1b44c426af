//! The findings, for people and for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::trial::{Fault, Trial};

pub(super) fn table(trials: &[Trial], out: &mut impl Write) -> io::Result<()> {
    for trial in trials.iter().filter(|trial| trial.fits()) {
        line(FINE, "fits", trial, &read(trial), out)?;
    }
    for trial in trials
        .iter()
        .filter(|trial| !trial.fits() && trial.messages > 0)
    {
        let what = format!("{}; {}", read(trial), fault(trial.fault.as_ref()));
        line(PARTLY, "partly", trial, &what, out)?;
    }
    let mut framings = Vec::new();
    for trial in trials.iter().filter(|trial| trial.messages == 0) {
        let of_frame = trial.frames == 0 && trial.fault.as_ref().is_none_or(|fault| fault.of_frame);
        if !of_frame {
            line(FAULT, "fails", trial, &fault(trial.fault.as_ref()), out)?;
        } else if !framings.contains(&trial.framing) {
            framings.push(trial.framing);
            let (name, what) = (framing(trial), fault(trial.fault.as_ref()));
            writeln!(out, "{FAULT}fails {FAULT:#}  {name:<38}  {what}")?;
        }
    }
    advice(trials, out)
}

/// What to give to the other commands.
fn advice(trials: &[Trial], out: &mut impl Write) -> io::Result<()> {
    let Some(best) = trials.first().filter(|trial| trial.messages > 0) else {
        return writeln!(out, "\nnothing reads a message");
    };
    let frame = best.framing.map(|framing| format!("--frame {framing} "));
    let frame = frame.unwrap_or_default();
    writeln!(out, "\nuse: {frame}--spec {}", best.dialect.name())
}

fn line(
    style: Style,
    verdict: &str,
    trial: &Trial,
    what: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = format!("{}, {}", framing(trial), trial.dialect.name());
    writeln!(out, "{style}{verdict:<6}{style:#}  {name:<38}  {what}")
}

fn framing(trial: &Trial) -> String {
    trial
        .framing
        .map_or_else(|| "no framing".to_owned(), |framing| framing.to_string())
}

fn read(trial: &Trial) -> String {
    let messages = match trial.messages {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    let bytes = if trial.unread == 0 {
        format!("all of {} bytes", trial.bytes)
    } else {
        format!("{} of {} bytes", trial.bytes - trial.unread, trial.bytes)
    };
    match (&trial.doubt, trial.doubts) {
        (Some(doubt), 1) => format!("{messages}, {bytes}, 1 doubt: {doubt}"),
        (Some(doubt), doubts) => format!("{messages}, {bytes}, {doubts} doubts: {doubt}"),
        (None, _) => format!("{messages}, {bytes}"),
    }
}

fn fault(fault: Option<&Fault>) -> String {
    fault.map_or_else(
        || "only keep-alives".to_owned(),
        |fault| format!("byte {}: {}", fault.at, fault.what),
    )
}

/// An object a line, the best first.
pub(super) fn json(trials: &[Trial], out: &mut impl Write) -> io::Result<()> {
    for trial in trials {
        let object = json!({
            "framing": trial.framing.map(|framing| framing.to_string()),
            "dialect": trial.dialect.name(),
            "fits": trial.fits(),
            "frames": trial.frames,
            "messages": trial.messages,
            "bytes": trial.bytes,
            "unread": trial.unread,
            "doubts": trial.doubts,
            "first_doubt": trial.doubt,
            "fault_at": trial.fault.as_ref().map(|fault| fault.at),
            "fault": trial.fault.as_ref().map(|fault| fault.what.as_str()),
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

const FINE: Style = AnsiColor::Green.on_default().bold();
const PARTLY: Style = AnsiColor::Yellow.on_default();
const FAULT: Style = AnsiColor::Red.on_default();
