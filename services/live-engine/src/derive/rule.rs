//! Which streams are derived, as configured.

use gapless_model::{Interval, Kind};
use serde::{Deserialize, Serialize};

/// Derive longer candles from shorter ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Beginning of the source topics, such as `candles.` for all.
    pub prefix: String,
    /// Interval of the source streams.
    pub from: Interval,
    /// Intervals of the derived streams; each a multiple of `from`.
    pub to: Vec<Interval>,
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Nothing would ever match.
    #[error("prefix {0:?} selects no candles: begin it with candles.")]
    Prefix(String),
    /// The longer interval does not consist of whole shorter ones.
    #[error("{to} cannot be made of {from}: choose a larger multiple of it")]
    Interval {
        /// The source's interval.
        from: Interval,
        /// The derived interval.
        to: Interval,
    },
    /// A stream would get each bar twice.
    #[error("two rules derive {to} for streams that begin with {prefix:?}: keep one of them")]
    Twice {
        /// The derived interval.
        to: Interval,
        /// The longer of the two prefixes.
        prefix: String,
    },
}

impl Rule {
    /// Whether streams of this topic and interval are sources.
    pub(crate) fn takes(&self, kind: Kind, topic: &str, from: Interval) -> bool {
        kind == Kind::Candles && from == self.from && topic.starts_with(&self.prefix)
    }
}

/// Checks rules, alone and against each other.
///
/// # Errors
/// The first [`RuleError`], with the number of its rule, counted from 0.
pub(crate) fn check_rules(rules: &[Rule]) -> Result<(), (usize, RuleError)> {
    for (index, rule) in rules.iter().enumerate() {
        check(rule).map_err(|error| (index, error))?;
        for other in rules.iter().take(index) {
            if let Some(error) = overlap(rule, other) {
                return Err((index, error));
            }
        }
    }
    Ok(())
}

fn check(rule: &Rule) -> Result<(), RuleError> {
    if !rule.prefix.starts_with("candles.") && !"candles.".starts_with(&rule.prefix) {
        return Err(RuleError::Prefix(rule.prefix.clone()));
    }
    for (index, to) in rule.to.iter().enumerate() {
        if to.seconds() <= rule.from.seconds() || !to.seconds().is_multiple_of(rule.from.seconds()) {
            return Err(RuleError::Interval { from: rule.from, to: *to });
        }
        if rule.to.iter().take(index).any(|other| other == to) {
            return Err(RuleError::Twice { to: *to, prefix: rule.prefix.clone() });
        }
    }
    Ok(())
}

/// Two rules that would feed the same derived stream.
fn overlap(rule: &Rule, other: &Rule) -> Option<RuleError> {
    let longer = if rule.prefix.starts_with(&other.prefix) {
        &rule.prefix
    } else if other.prefix.starts_with(&rule.prefix) {
        &other.prefix
    } else {
        return None;
    };
    let to = rule.to.iter().find(|to| other.to.contains(to))?;
    Some(RuleError::Twice { to: *to, prefix: longer.clone() })
}

/// As the configuration file has it: intervals as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// As in [`Rule`].
    pub prefix: String,
    /// As in [`Rule`], such as `1m`.
    pub from: String,
    /// As in [`Rule`], such as `["5m", "1h"]`.
    pub to: Vec<String>,
}

impl TryFrom<&RuleText> for Rule {
    type Error = gapless_model::KeyError;

    fn try_from(text: &RuleText) -> Result<Rule, Self::Error> {
        let to = text.to.iter().map(|to| to.parse()).collect::<Result<_, _>>()?;
        Ok(Rule { prefix: text.prefix.clone(), from: text.from.parse()?, to })
    }
}
