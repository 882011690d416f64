//! The view, four times a second, for everybody who watches: made once, however many there are.

use crate::server::DevServer;
use axum::response::sse::Event;
use futures_util::Stream;
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Quick enough to look live, and slow enough for a thousand streams.
const EVERY: Duration = Duration::from_millis(250);

/// Where views are told.
#[derive(Clone)]
pub(super) struct Events {
    views: watch::Receiver<Arc<str>>,
}

impl Events {
    /// Begins to tell; ends when nobody can watch any more or the server is down.
    pub(super) fn start(server: DevServer) -> Events {
        let (told, views) = watch::channel(Arc::from(""));
        tokio::spawn(tell(server, told));
        Events { views }
    }

    /// The view now, and whenever there is a new one.
    pub(super) fn stream(&self) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        let mut views = self.views.clone();
        views.mark_changed();
        unfold(views, |mut views| async move {
            loop {
                views.changed().await.ok()?;
                let text = views.borrow_and_update().clone();
                if !text.is_empty() {
                    return Some((Ok(Event::default().data(text)), views));
                }
            }
        })
    }
}

async fn tell(server: DevServer, told: watch::Sender<Arc<str>>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // One receiver is the one that others are cloned from.
        if told.receiver_count() <= 1 {
            continue;
        }
        let server = server.clone();
        let Ok(Ok(view)) = tokio::task::spawn_blocking(move || server.view()).await else { return };
        match serde_json::to_string(&view) {
            Ok(text) => drop(told.send(text.into())),
            Err(error) => tracing::error!(%error, "a view cannot be written as JSON"),
        }
    }
}
