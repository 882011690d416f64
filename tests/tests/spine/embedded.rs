//! Everything in one process: `gapless demo`.

use gapless_tests::{LATER, Proc};

#[test]
fn the_demo_loses_and_repeats_nothing() {
    let mut demo = Proc::new("gapless").args(["demo", "--seconds", "5", "--json"]).spawn();
    let status = demo.wait(LATER);
    let output = demo.output().join("\n");
    assert!(status.success(), "{output}\n{}", demo.log());
    let summary: serde_json::Value = serde_json::from_str(&output).expect("a summary in JSON");
    let count = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("no {name} in {summary}"));
    assert_eq!((count("lost"), count("duplicated")), (0, 0), "{summary}");
    assert!(count("delivered") > 0 && count("published") == count("delivered"), "{summary}");
}
