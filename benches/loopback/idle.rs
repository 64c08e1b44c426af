//! What connections cost that do nothing.

use std::io::Write;
use std::time::Duration;

use crate::aims::Aim;
use crate::targets::{Numbers, SWITCH, Target};

/// How long memory may take to settle.
const SETTLE_TIME: Duration = Duration::from_millis(200);
const MEGABYTE: u64 = 1_000_000;
const AIM_MEGABYTES: u64 = 200;

/// Prints the memory of each target without connections, with so many that have signed on, and
/// when each of them has had an answer; the aim, with the greater of the switch's two.
pub(crate) fn measure(
    targets: &[Target<'_>],
    numbers: &mut Numbers,
    connections: usize,
) -> anyhow::Result<Vec<Aim>> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n| {connections} idle connections | before, MB | signed on, MB | bytes each \
         | each used once, MB | bytes each |\n|---|---|---|---|---|---|"
    )?;
    let mut aims = Vec::new();
    let able = |target: &&Target<'_>| connections <= target.connections_max;
    for target in targets.iter().filter(able) {
        let resident = || {
            std::thread::sleep(SETTLE_TIME);
            target.watched.resident_bytes()
        };
        let before = resident()?;
        let mut open = target.sign_on(numbers, connections)?;
        let signed_on = resident()?;
        for connection in &mut open {
            connection.ask()?;
            connection.asked()?;
        }
        let used = resident()?;
        let count = u64::try_from(connections)?.max(1);
        let each = |bytes: u64| bytes.saturating_sub(before) / count;
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            target.name,
            before / MEGABYTE,
            signed_on / MEGABYTE,
            each(signed_on),
            used / MEGABYTE,
            each(used),
        )?;
        if target.name == SWITCH {
            let cost = used.max(signed_on).saturating_sub(before);
            aims.push(Aim {
                what: format!("{connections} idle connections"),
                aim: format!("at most {AIM_MEGABYTES} MB"),
                reached: format!("{} MB", cost.div_ceil(MEGABYTE)),
                met: cost <= AIM_MEGABYTES * MEGABYTE,
            });
        }
    }
    Ok(aims)
}
