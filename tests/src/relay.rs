//! A relay between the live feed and a client that loses messages on purpose, over real sockets.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gapless_transport::{Context, Frame, Publisher, PublisherSettings, Subscriber, SubscriberSettings};

type Rule = Box<dyn FnMut(&str, &[u8]) -> bool + Send>;

/// Forwards what its rule lets pass. Dropping it ends it.
pub struct Relay {
    address: String,
    rule: Arc<Mutex<Rule>>,
    withheld: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Relays `live`; `passes` is asked for each message with its topic and envelope.
    ///
    /// # Panics
    /// When no socket can be opened.
    pub fn start(live: &str, passes: impl FnMut(&str, &[u8]) -> bool + Send + 'static) -> Relay {
        let context = Context::new();
        let mut from = Subscriber::connect(&context, live, SubscriberSettings::default()).expect("a socket");
        from.subscribe("").expect("a subscription");
        let mut to =
            Publisher::bind(&context, "tcp://127.0.0.1:*", PublisherSettings::default()).expect("a socket");
        let address = to.endpoint().to_string();
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(passes)));
        let (withheld, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (rule, withheld, stop) = (Arc::clone(&rule), Arc::clone(&withheld), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let frames = from.receive(Duration::from_millis(20)).expect("a working socket");
                    let Some(frames) = frames else { continue };
                    let topic = String::from_utf8_lossy(&frames[0]).into_owned();
                    if (rule.lock().unwrap())(&topic, &frames[1]) {
                        let rest: Vec<Frame> = frames.into_iter().skip(1).collect();
                        to.send(&topic, rest).expect("a working socket");
                    } else {
                        withheld.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        };
        Relay { address, rule, withheld, stop, thread: Some(thread) }
    }

    /// Where clients connect instead of the live feed.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Changes what passes.
    pub fn set(&self, passes: impl FnMut(&str, &[u8]) -> bool + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(passes);
    }

    /// Messages withheld so far.
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
