use super::*;
use std::collections::BTreeSet;

fn all() -> Vec<Scenario> {
    Scenario::names().map(|name| Scenario::find(name).unwrap()).collect()
}

#[test]
fn every_scenario_file_is_built_in_and_says_what_a_correct_client_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, Scenario::names().map(String::from).collect());
    for scenario in all() {
        assert!(scenario.client.starts_with("A correct client "), "{}", scenario.name);
        let late = scenario.at.iter().find(|timed| timed.after >= scenario.duration);
        assert_eq!(late, None, "{}: nothing happens after its end", scenario.name);
    }
}

/// The names of all keys in `value`, at any depth, whose value is not the default.
fn keys(value: &toml::Value, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| {
            let is_off = matches!(
                value,
                toml::Value::Float(0.0) | toml::Value::Integer(0) | toml::Value::Boolean(false)
            );
            if !is_off {
                found.insert(key.clone());
            }
            keys(value, found);
        }),
        toml::Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        toml::Value::String(text) => drop(found.insert(text.clone())),
        _ => {}
    }
}

#[test]
fn every_fault_and_every_order_is_in_at_least_one_scenario() {
    let mut used = BTreeSet::new();
    for scenario in all() {
        let text = scenario.to_toml().unwrap();
        keys(&toml::from_str(&text).unwrap(), &mut used);
    }
    let mut wanted = BTreeSet::new();
    for plan in [
        toml::Value::try_from(LiveFaults::default()).unwrap(),
        toml::Value::try_from(ReplyFaults::default()).unwrap(),
    ] {
        wanted.extend(plan.as_table().unwrap().keys().cloned());
    }
    let orders = "start stop rate live replies heal skip lose-tail stall burst duplicate reorder corrupt wrong-version \
                  collide trim add remove symbols disconnect refuse restart same continue from-one";
    // The epoch stays the same when nothing is said of it.
    let said = "same";
    wanted.extend(orders.split_whitespace().filter(|order| *order != said).map(String::from));
    let missing: Vec<_> = wanted.difference(&used).collect();
    assert!(missing.is_empty(), "in no scenario: {missing:?}");
    let offsets: Vec<i64> = all()
        .iter()
        .flat_map(|scenario| scenario.at.clone())
        .filter_map(|timed| match timed.command {
            Command::Replies(plan) => Some(plan.watermark_offset),
            _ => None,
        })
        .collect();
    assert!(
        offsets.iter().any(|o| *o > 0) && offsets.iter().any(|o| *o < 0),
        "ahead and behind: {offsets:?}"
    );
}

#[test]
fn a_scenario_is_the_same_after_it_was_written_and_read() {
    for scenario in all() {
        let text = scenario.to_toml().unwrap();
        assert_eq!(Scenario::parse(&scenario.name, &text).unwrap(), scenario, "{text}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_place() {
    for (text, key, line) in [
        ("title = \"t\"\nclient = \"c\"\nsed = 1", "sed", "line 3"),
        ("title = \"t\"\nclient = \"c\"\n[faults.live]\ndrop = 1.0", "drop", "line 4"),
        (
            "title = \"t\"\nclient = \"c\"\n[[at]]\nafter = \"1s\"\ndo = { stall = { ms = 1 } }",
            "ms",
            "line 5",
        ),
        ("title = \"t\"\nclient = \"c\"\n[[at]]\nafter = \"1s\"\ndo = \"explode\"", "explode", "line 5"),
    ] {
        let error = Scenario::parse("mine", text).unwrap_err().to_string();
        assert!(error.contains("mine") && error.contains(key) && error.contains(line), "{error}");
    }
}

#[test]
fn numbers_out_of_their_bounds_are_refused_with_what_to_write() {
    let head = "title = \"t\"\nclient = \"c\"\n";
    for (text, said) in [
        ("version = 3", "version = 3: write 1 or 2"),
        ("[[streams]]\ntick_ms = 0", "streams: tick_ms = 0: write 1 to 600000"),
        ("[[streams]]\nsymbols = []", "symbols: name at least one"),
        ("[[streams]]\nkind = \"warnings\"", "write candles or metrics"),
        ("[faults.live]\ndrop_percent = 200.0", "faults.live.drop_percent = 200: write 0 to 100"),
        ("[[at]]\nafter = \"2s\"\ndo = { stall = { for_ms = 9999999 } }", "at 2s: for_ms"),
    ] {
        let error = Scenario::parse("mine", &format!("{head}{text}")).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_name_that_is_not_known_is_answered_with_those_that_are() {
    let error = Scenario::find("losy").unwrap_err().to_string();
    assert!(error.contains("losy") && error.contains("lossy") && error.contains(".toml"), "{error}");
    let error = Scenario::find("absent.toml").unwrap_err().to_string();
    assert!(error.contains("absent.toml") && error.contains("cannot be read"), "{error}");
}

#[test]
fn the_readme_shows_a_scenario_that_can_be_read_and_names_every_fault() {
    let page = include_str!("../../README.md");
    let example = page.split("```toml").nth(1).unwrap().split("```").next().unwrap();
    let scenario = Scenario::parse("readme", example).unwrap();
    assert_eq!(scenario.at.len(), 1);
    let plans = [toml::Value::try_from(LiveFaults::default()), toml::Value::try_from(ReplyFaults::default())];
    for plan in plans.map(Result::unwrap) {
        let missing = plan.as_table().unwrap().keys().find(|fault| !page.contains(&format!("`{fault}`")));
        assert_eq!(missing, None, "not in the README");
    }
}
