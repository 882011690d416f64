use super::*;

#[test]
fn one_that_listens_everywhere_is_asked_on_loopback() {
    let shown = |admin| reachable(admin).map(|address| address.to_string());
    assert_eq!(shown("0.0.0.0:9081").as_deref(), Some("127.0.0.1:9081"));
    assert_eq!(shown("[::]:9081").as_deref(), Some("[::1]:9081"));
    assert_eq!(shown("10.0.0.7:9081").as_deref(), Some("10.0.0.7:9081"));
}

#[test]
fn one_that_cannot_be_found_is_not_asked() {
    for admin in ["off", "127.0.0.1:0", "here"] {
        assert_eq!(reachable(admin), None, "{admin}");
    }
}
