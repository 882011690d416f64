use super::*;

#[test]
fn durations_read_as_people_write_them_and_print_the_same() {
    for (text, nanos) in [
        ("0", 0),
        ("5ns", 5),
        ("50ms", 50_000_000),
        ("1h30m", 5_400_000_000_000),
        ("7d", 604_800_000_000_000),
    ] {
        let read: HumanDuration = text.parse().unwrap();
        assert_eq!(read.0, Duration::from_nanos(nanos), "{text}");
        assert_eq!(read.to_string().parse::<HumanDuration>().unwrap(), read);
    }
    assert_eq!("90m".parse::<HumanDuration>().unwrap().to_string(), "90m");
    for bad in ["", "5", "ms", "1.5s", "-3s", "7 d", "99999999999999w", "5 parsecs"] {
        assert!(bad.parse::<HumanDuration>().is_err(), "{bad}");
    }
}

#[test]
fn sizes_read_as_people_write_them_and_print_the_same() {
    for (text, bytes) in
        [("0", 0), ("1500", 1500), ("64MiB", 64 << 20), ("2GB", 2_000_000_000), ("64mib", 64 << 20)]
    {
        let read: ByteSize = text.parse().unwrap();
        assert_eq!(read.0, bytes, "{text}");
        assert_eq!(read.to_string().parse::<ByteSize>().unwrap(), read);
    }
    for bad in ["", "MiB", "1MiB2", "-1", "99999999TiB"] {
        assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
    }
}

#[test]
fn a_secret_never_shows_itself() {
    let secret = Secret::new("hunter2");
    assert_eq!(secret.reveal(), "hunter2");
    assert_eq!(format!("{secret:?}"), "Secret(********)");
    assert_eq!(serde_json::to_string(&secret).unwrap(), "\"********\"");
}
