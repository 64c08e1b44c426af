//! What a configuration says of a link, and what it means.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use iso8583::Dialect;
use iso8583::frame::{Framer, LengthHeader};
use iso8583::session::{NetworkCodes, Settings};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// One link as a configuration file has it. Every option has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkConfig {
    /// How messages stand on the wire: a built-in dialect (`iso87-ascii`, `iso93-bcd`, `pos` …).
    pub dialect: String,
    /// How the length before each frame is written.
    pub length_header: LengthHeaderName,
    /// Does each frame begin with a TPDU of five bytes? It is swapped in answers.
    pub tpdu: bool,
    /// Longest frame taken, in bytes, without the length. A longer one closes the connection.
    pub frame_bytes_max: usize,
    /// How long a frame may take from its first byte to its last. Too short cuts slow terminals
    /// off, too long lets half frames occupy connections.
    #[serde(with = "humantime_serde")]
    pub frame_timeout: Duration,
    /// How long a peer may refuse to take what waits for it before the connection is closed.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How many bytes may wait for a peer that does not read before the connection is closed.
    pub unsent_bytes_max: usize,
    /// How many undecodable messages in a row before the connection is closed. Each is answered
    /// with 30 where enough of it could be read.
    pub malformed_max: u32,
    /// Do we sign on (0800/001) when connected, and send nothing before that is answered?
    pub sign_on: bool,
    /// After how much silence of the peer we send an echo test (0800/301); absent: never.
    #[serde(with = "humantime_serde")]
    pub echo_after: Option<Duration>,
    /// How many echo tests or sign-ons in a row may stay unanswered before the connection is
    /// closed.
    pub network_tries: u8,
    /// How long the answer to a sign-on or echo test may take.
    #[serde(with = "humantime_serde")]
    pub network_timeout: Duration,
    /// How long the answer to a request of ours may take.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// How many requests of ours may wait for answers at once; one more is refused unsent.
    pub in_flight_max: usize,
    /// The data elements an answer is matched to its request by, beside its class. Fewer for a
    /// peer that does not repeat all of these; DE 7 and 11 are the least that is safe.
    pub match_elements: Vec<u8>,
    /// The institution id we give in our own network messages (DE 32), 1 to 11 digits; absent:
    /// none.
    pub institution: Option<String>,
    /// What network messages (0800) are known by, and how they are answered.
    pub network_codes: NetworkCodesConfig,
}

/// DE 70 of each network function of a link, three digits, no two alike, and DE 39 of the answers
/// to what the link tells its program of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkCodesConfig {
    /// Sign-on.
    pub sign_on: String,
    /// Sign-off: the peer gets no requests any more until it signs on.
    pub sign_off: String,
    /// Echo test.
    pub echo: String,
    /// Key change: the peer gives a key.
    pub key_change: String,
    /// The peer wants a key.
    pub key_request: String,
    /// Cut-over: the peer's business day ends.
    pub cut_over: String,
    /// Answer to both of the keys' messages. A peer that hears 00 uses the new key.
    pub key_answer: String,
    /// Answer to a cut-over.
    pub cut_over_answer: String,
}

impl NetworkCodesConfig {
    fn parse(&self) -> Result<NetworkCodes, LinkConfigError> {
        let [sign_on, sign_off, echo, key_change, key_request, cut_over] = [
            ("sign_on", &self.sign_on),
            ("sign_off", &self.sign_off),
            ("echo", &self.echo),
            ("key_change", &self.key_change),
            ("key_request", &self.key_request),
            ("cut_over", &self.cut_over),
        ]
        .map(|(option, code)| function_code(option, code));
        let codes = NetworkCodes {
            sign_on: sign_on?,
            sign_off: sign_off?,
            echo: echo?,
            key_change: key_change?,
            key_request: key_request?,
            cut_over: cut_over?,
            key_answer: answer_code("key_answer", &self.key_answer)?,
            cut_over_answer: answer_code("cut_over_answer", &self.cut_over_answer)?,
        };
        let of_functions = BTreeSet::from([
            codes.sign_on,
            codes.sign_off,
            codes.echo,
            codes.key_change,
            codes.key_request,
            codes.cut_over,
        ]);
        if of_functions.len() < 6 {
            return Err(LinkConfigError::Option {
                option: "network_codes",
                expected: "a code of its own for each function",
            });
        }
        Ok(codes)
    }
}

impl Default for NetworkCodesConfig {
    fn default() -> Self {
        let codes = NetworkCodes::default();
        let text = |code: [u8; 3]| code.escape_ascii().to_string();
        Self {
            sign_on: text(codes.sign_on),
            sign_off: text(codes.sign_off),
            echo: text(codes.echo),
            key_change: text(codes.key_change),
            key_request: text(codes.key_request),
            cut_over: text(codes.cut_over),
            key_answer: codes.key_answer.to_string(),
            cut_over_answer: codes.cut_over_answer.to_string(),
        }
    }
}

fn function_code(option: &'static str, code: &str) -> Result<[u8; 3], LinkConfigError> {
    let digits = <[u8; 3]>::try_from(code.as_bytes()).ok();
    digits
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))
        .ok_or(LinkConfigError::Option {
            option,
            expected: "3 digits",
        })
}

/// A response code, which is the session's to know.
fn answer_code<T>(option: &'static str, code: &str) -> Result<T, LinkConfigError>
where
    T: for<'a> TryFrom<&'a [u8]>,
{
    T::try_from(code.as_bytes()).map_err(|_| LinkConfigError::Option {
        option,
        expected: "2 letters or digits",
    })
}

impl LinkConfig {
    /// Checks the options and makes what a link runs on.
    ///
    /// # Errors
    /// Names the option that cannot be.
    pub fn parse(&self) -> Result<LinkSettings, LinkConfigError> {
        let dialect =
            Dialect::named(&self.dialect).ok_or_else(|| LinkConfigError::UnknownDialect {
                name: self.dialect.clone(),
            })?;
        let header = LengthHeader::from(self.length_header);
        self.check_sizes(header)?;
        self.check_times()?;
        let id = self.institution.as_deref().unwrap_or("0");
        if !(1..=11).contains(&id.len()) || !id.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(LinkConfigError::Option {
                option: "institution",
                expected: "1 to 11 digits",
            });
        }
        if ![7, 11].iter().all(|de| self.match_elements.contains(de)) {
            return Err(LinkConfigError::Option {
                option: "match_elements",
                expected: "a list with 7 and 11 in it",
            });
        }
        Ok(LinkSettings {
            dialect,
            framer: Framer::new(header, self.tpdu, self.frame_bytes_max),
            frame_timeout: self.frame_timeout,
            write_timeout: self.write_timeout,
            unsent_bytes_max: self.unsent_bytes_max,
            malformed_max: self.malformed_max,
            session: Settings {
                sign_on: self.sign_on,
                echo_after: self.echo_after,
                network_tries: self.network_tries,
                network_timeout: self.network_timeout,
                answer_timeout: self.answer_timeout,
                in_flight_max: self.in_flight_max,
                match_elements: self.match_elements.clone(),
                institution: self.institution.clone(),
                codes: self.network_codes.parse()?,
                ..Settings::default()
            },
        })
    }
}

impl LinkConfig {
    /// Reads a table over other defaults than the general ones, so that a program's table that
    /// names one option leaves the others as that program has them.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize_over<'de, D: Deserializer<'de>>(
        default: &Self,
        from: D,
    ) -> Result<Self, D::Error> {
        let given = toml::Table::deserialize(from)?;
        let mut options = toml::Table::try_from(default).map_err(serde::de::Error::custom)?;
        options.extend(given);
        options.try_into().map_err(serde::de::Error::custom)
    }

    fn check_sizes(&self, header: LengthHeader) -> Result<(), LinkConfigError> {
        for (option, value, low, high) in [
            ("frame_bytes_max", self.frame_bytes_max, 64, header.max()),
            ("in_flight_max", self.in_flight_max, 1, 1 << 24),
            ("unsent_bytes_max", self.unsent_bytes_max, 1, 1 << 30),
        ] {
            if !(low..=high).contains(&value) {
                return Err(LinkConfigError::OutOfRange { option, low, high });
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), LinkConfigError> {
        for (option, value) in [
            ("frame_timeout", Some(self.frame_timeout)),
            ("write_timeout", Some(self.write_timeout)),
            ("network_timeout", Some(self.network_timeout)),
            ("answer_timeout", Some(self.answer_timeout)),
            ("echo_after", self.echo_after),
        ] {
            if !value.is_none_or(|value| TIMES.contains(&value)) {
                let expected = "1ms to 1day";
                return Err(LinkConfigError::Option { option, expected });
            }
        }
        Ok(())
    }
}

/// What a time of a link may be.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

impl Default for LinkConfig {
    fn default() -> Self {
        let session = Settings::default();
        Self {
            dialect: Dialect::iso87_ascii().name().to_owned(),
            length_header: LengthHeaderName::Binary2,
            tpdu: false,
            frame_bytes_max: 8_192,
            frame_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            unsent_bytes_max: 1 << 20,
            malformed_max: 10,
            sign_on: session.sign_on,
            echo_after: session.echo_after,
            network_tries: session.network_tries,
            network_timeout: session.network_timeout,
            answer_timeout: session.answer_timeout,
            in_flight_max: session.in_flight_max,
            match_elements: session.match_elements,
            institution: session.institution,
            network_codes: NetworkCodesConfig::default(),
        }
    }
}

/// [`LengthHeader`] as configurations write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LengthHeaderName {
    /// Two bytes, most significant first.
    Binary2,
    /// Four ASCII digits.
    Ascii4,
    /// Two bytes of packed decimal.
    Bcd2,
}

impl From<LengthHeaderName> for LengthHeader {
    fn from(name: LengthHeaderName) -> Self {
        match name {
            LengthHeaderName::Binary2 => Self::Binary2,
            LengthHeaderName::Ascii4 => Self::Ascii4,
            LengthHeaderName::Bcd2 => Self::Bcd2,
        }
    }
}

/// What a link runs on: checked once, at start.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    pub(crate) dialect: &'static Dialect,
    pub(crate) framer: Framer,
    pub(crate) frame_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) unsent_bytes_max: usize,
    pub(crate) malformed_max: u32,
    pub(crate) session: Settings,
}

impl LinkSettings {
    /// How long the answer to a request may take on this link.
    #[must_use]
    pub const fn answer_timeout(&self) -> Duration {
        self.session.answer_timeout
    }
}

/// An option of a link that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkConfigError {
    /// No dialect of that name.
    #[error("dialect {name:?} is none of iso87-ascii, iso87-ascii-binmap, iso87-bcd")]
    UnknownDialect {
        /// What the configuration says.
        name: String,
    },
    /// A value that cannot be.
    #[error("{option} is not {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// A number outside its range.
    #[error("{option} is not in {low}..={high}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Smallest value.
        low: usize,
        /// Largest value.
        high: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_options_of_a_terminal_link() {
        let config: LinkConfig = toml::from_str(
            "dialect = 'iso87-bcd'\nlength_header = 'bcd2'\ntpdu = true\necho_after = '60s'",
        )
        .unwrap();
        let settings = config.parse().unwrap();
        assert_eq!(settings.dialect.name(), "iso87-bcd");
        assert_eq!(
            settings.framer,
            Framer::new(LengthHeader::Bcd2, true, 8_192)
        );
        assert_eq!(settings.session.echo_after, Some(Duration::from_secs(60)));
    }

    #[test]
    fn ok_one_code_of_a_network_is_changed_and_the_others_stay() {
        let config: LinkConfig = toml::from_str("network_codes.echo = '270'").unwrap();
        let codes = config.parse().unwrap().session.codes;
        let echo = *b"270";
        assert_eq!(
            codes,
            NetworkCodes {
                echo,
                ..NetworkCodes::default()
            }
        );
    }

    #[test]
    fn err_what_cannot_be_is_named() {
        let parse = |text: &str| {
            toml::from_str::<LinkConfig>(text)
                .unwrap()
                .parse()
                .unwrap_err()
        };
        assert_eq!(
            parse("dialect = 'iso93'").to_string(),
            "dialect \"iso93\" is none of iso87-ascii, iso87-ascii-binmap, iso87-bcd"
        );
        assert_eq!(
            parse("length_header = 'ascii4'\nframe_bytes_max = 10000").to_string(),
            "frame_bytes_max is not in 64..=9999"
        );
        for (text, words) in [
            ("echo_after = '0s'", "echo_after is not 1ms to 1day"),
            (
                "answer_timeout = '2days'",
                "answer_timeout is not 1ms to 1day",
            ),
            ("in_flight_max = 0", "in_flight_max is not in 1..=16777216"),
            (
                "institution = 'KRVAN1'",
                "institution is not 1 to 11 digits",
            ),
            (
                "match_elements = [11]",
                "match_elements is not a list with 7 and 11 in it",
            ),
            ("network_codes.echo = '27'", "echo is not 3 digits"),
            (
                "network_codes.key_answer = '000'",
                "key_answer is not 2 letters or digits",
            ),
            (
                "network_codes = { echo = '270', cut_over = '270' }",
                "network_codes is not a code of its own for each function",
            ),
        ] {
            assert_eq!(parse(text).to_string(), words);
        }
        assert!(toml::from_str::<LinkConfig>("answer_timeuot = '1s'").is_err());
    }
}
