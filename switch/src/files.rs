//! How many files the process may have open: a connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Config;

/// Issuer links, the journal's segments, admin clients, standard streams.
const OTHERS: usize = 256;

/// Lets the process have the connections its listeners may take, as far as the system lets it:
/// what a shell hands down is often 1,024, where far more is allowed.
pub(crate) fn allow(config: &Config) -> Result<(), TooFew> {
    let connections = config.listener.iter().map(|one| one.connections_max);
    let wanted = connections.fold(OTHERS, usize::saturating_add);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(maximum.map_or(wanted, |maximum| maximum.min(wanted))),
        maximum,
    };
    // What came of it is looked at below.
    let _ = setrlimit(Resource::Nofile, raised);
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < wanted => Err(TooFew { allowed, wanted }),
        Some(_) | None => Ok(()),
    }
}

/// The system allows fewer open files than the listeners may have connections.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{allowed} open files are allowed, and listeners may take connections for {wanted}: raise the \
     hard limit (ulimit -Hn, LimitNOFILE=), or lower connections_max"
)]
pub(crate) struct TooFew {
    allowed: u64,
    wanted: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_as_the_system_allows_may_be_open_and_where_that_is_too_few_it_is_said() {
        let before = getrlimit(Resource::Nofile);
        let mut config = Config::default();
        config.listener.truncate(1);
        config.listener[0].connections_max = 100;
        let low = Rlimit {
            current: Some(300),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        assert_eq!(allow(&config), Ok(()));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(356));

        let maximum = before.maximum.unwrap_or(1 << 40);
        config.listener[0].connections_max = usize::try_from(maximum).unwrap();
        if before.maximum.is_some() {
            let wanted = maximum + 256;
            let allowed = maximum;
            assert_eq!(allow(&config), Err(TooFew { allowed, wanted }));
        }
        setrlimit(Resource::Nofile, before).unwrap();
    }
}
