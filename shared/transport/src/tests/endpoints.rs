use super::*;

#[test]
fn addresses_read_back_as_written() {
    for text in ["tcp://127.0.0.1:5556", "tcp://*:5556", "tcp://[::1]:1", "ipc:///tmp/x", "inproc://a"] {
        assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
    }
    assert_eq!("tcp://127.0.0.1:0".parse::<Endpoint>(), "tcp://127.0.0.1:*".parse());
}

#[test]
fn a_wrong_address_says_what_is_wrong() {
    let long = format!("ipc:///{}", "x".repeat(107));
    for (text, reason) in [
        ("127.0.0.1:5556", "write tcp://host:port"),
        ("udp://127.0.0.1:5556", "write tcp://host:port"),
        ("tcp://127.0.0.1", "the port is missing"),
        ("tcp://127.0.0.1:70000", "1 to 65535"),
        ("tcp://:5556", "the host"),
        ("tcp://::1:5556", "brackets"),
        ("ipc://", "the path is missing"),
        (long.as_str(), "at most 107"),
        ("inproc://", "the name is missing"),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn only_a_whole_address_can_be_connected_to() {
    let context = Context::new();
    for text in ["tcp://127.0.0.1:*", "tcp://*:5556"] {
        let error = Subscriber::connect(&context, text, SubscriberSettings::default()).unwrap_err();
        assert!(matches!(error, TransportError::Endpoint { .. }), "{error}");
    }
}

#[test]
fn a_missing_folder_of_an_ipc_address_is_named() {
    let endpoint = "ipc:///nowhere/at/all/x";
    let error = Publisher::bind(&Context::new(), endpoint, PublisherSettings::default()).unwrap_err();
    assert!(error.to_string().contains("its folder does not exist"), "{error}");
}

#[test]
fn an_address_in_use_names_the_address_and_its_holder() {
    let context = Context::new();
    let first = Publisher::bind(&context, ANY, PublisherSettings::default()).unwrap();
    let error = Publisher::bind(&context, first.endpoint(), PublisherSettings::default()).unwrap_err();
    let TransportError::AddressInUse { endpoint, holder } = &error else { panic!("{error}") };
    assert_eq!(endpoint, first.endpoint());
    if cfg!(target_os = "linux") {
        let own = format!("process {}", std::process::id());
        assert!(holder.as_ref().is_some_and(|holder| holder.contains(&own)), "{error}");
    }
    assert!(error.to_string().contains("choose another address"));
}

#[test]
fn a_path_is_not_taken_from_whoever_has_it() {
    let path = std::env::temp_dir().join(format!("gapless-taken-{}", std::process::id()));
    let endpoint = format!("ipc://{}", path.display());
    let context = Context::new();
    let first = Publisher::bind(&context, &endpoint, PublisherSettings::default()).unwrap();
    let error = Publisher::bind(&Context::new(), &endpoint, PublisherSettings::default()).unwrap_err();
    assert!(matches!(error, TransportError::AddressInUse { .. }), "{error}");
    drop(first);
    drop(context);
    drop(Publisher::bind(&Context::new(), &endpoint, PublisherSettings::default()).unwrap());
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_bound_port_is_read_back() {
    let publisher = Publisher::bind(&Context::new(), ANY, PublisherSettings::default()).unwrap();
    assert!(publisher.endpoint().port().is_some_and(|port| port > 0));
    assert!(publisher.endpoint().is_local());
}

#[test]
fn a_context_ends_while_a_peer_is_missing() {
    let begin = Instant::now();
    let context = Context::new();
    let settings = RequesterSettings { linger: Duration::from_millis(50), ..RequesterSettings::default() };
    let mut requester = Requester::connect(&context, "tcp://127.0.0.1:1", settings).unwrap();
    assert_eq!(requester.send(b"nobody hears this".as_slice()).unwrap(), Sent::Queued);
    drop(requester);
    drop(context);
    assert!(begin.elapsed() < DEADLINE);
}
