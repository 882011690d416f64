//! How far things are: health, cursors, watermarks, directory, state, errors.

use super::batch::Tables;
use super::{Out, Union, kind, union};
use crate::generated::fb;
use crate::{
    ErrorResponse, Health, ListStreamsResponse, MAX_VERSION, MIN_VERSION, StateResponse, StreamState,
    WatermarkBatch,
};
use flatbuffers::WIPOffset;
use gapless_model::{EpochStart, StreamKey, StreamStatus, Watermark};

impl Out {
    pub(super) fn health(&mut self, health: &Health) -> Union {
        let message = self.text(&health.message);
        union!(self, HealthResponse, fb::HealthResponseArgs { ok: health.ok, message })
    }

    /// Every error names the versions that are spoken here, so that a peer of another time can tell.
    pub(super) fn error(&mut self, error: &ErrorResponse) -> Union {
        let message = self.text(&error.message);
        union!(
            self,
            ErrorResponse,
            fb::ErrorResponseArgs {
                code: error.code.0,
                message,
                retry_after_ms: error.retry_after_ms,
                min_version: MIN_VERSION,
                max_version: MAX_VERSION,
            }
        )
    }

    pub(super) fn cursor(&mut self, status: &StreamStatus) -> Union {
        let watermark = &status.watermark;
        let args = fb::CursorArgs {
            latest_sequence: watermark.latest.0,
            latest_ts_ms: watermark.latest_ts.to_millis().0,
            epoch: watermark.epoch.0,
            earliest_sequence: watermark.earliest.0,
            server_time_ms: status.server_time.0,
            digest: watermark.digest.0,
        };
        let cursor = Some(fb::Cursor::create(&mut self.builder, &args));
        let key = Some(self.key(&status.key));
        union!(self, GetCursorResponse, fb::GetCursorResponseArgs { key, cursor })
    }

    pub(super) fn status(&mut self, status: &StreamStatus) -> WIPOffset<fb::StreamStatusResponse<'static>> {
        let key = Some(self.key(&status.key));
        let epochs = Some(self.epochs(&status.epochs));
        let watermark = &status.watermark;
        let args = fb::StreamStatusResponseArgs {
            key,
            kind: kind(status.key.kind()),
            latest_sequence: watermark.latest.0,
            latest_ts_ms: watermark.latest_ts.to_millis().0,
            server_time_ms: status.server_time.0,
            epoch: watermark.epoch.0,
            earliest_sequence: watermark.earliest.0,
            digest: watermark.digest.0,
            epochs,
            latest_ts_ns: watermark.latest_ts.0,
        };
        fb::StreamStatusResponse::create(&mut self.builder, &args)
    }

    pub(super) fn statuses(&mut self, streams: &[StreamStatus]) -> Tables<fb::StreamStatusResponse<'static>> {
        let streams: Vec<_> = streams.iter().map(|status| self.status(status)).collect();
        self.builder.create_vector(&streams)
    }

    pub(super) fn epochs(&mut self, epochs: &[EpochStart]) -> Tables<fb::EpochStart<'static>> {
        let start = |start: &EpochStart| {
            let args = fb::EpochStartArgs { epoch: start.epoch.0, first_sequence: start.first_sequence.0 };
            fb::EpochStart::create(&mut self.builder, &args)
        };
        let epochs: Vec<_> = epochs.iter().map(start).collect();
        self.builder.create_vector(&epochs)
    }

    pub(super) fn list(&mut self, response: &ListStreamsResponse) -> Union {
        let streams = Some(self.statuses(&response.streams));
        union!(
            self,
            ListStreamsResponse,
            fb::ListStreamsResponseArgs { streams, has_more: response.has_more }
        )
    }

    pub(super) fn watermarks(&mut self, batch: &WatermarkBatch) -> Union {
        let marks: Vec<_> = batch.watermarks.iter().map(|(key, mark)| self.watermark(key, mark)).collect();
        let watermarks = Some(self.builder.create_vector(&marks));
        union!(
            self,
            WatermarkBatch,
            fb::WatermarkBatchArgs { watermarks, server_time_ms: batch.server_time.0 }
        )
    }

    pub(super) fn watermark(
        &mut self,
        key: &StreamKey,
        mark: &Watermark,
    ) -> WIPOffset<fb::StreamWatermark<'static>> {
        let args = fb::StreamWatermarkArgs {
            key: Some(self.key(key)),
            kind: kind(key.kind()),
            epoch: mark.epoch.0,
            earliest_sequence: mark.earliest.0,
            latest_sequence: mark.latest.0,
            latest_ts_ns: mark.latest_ts.0,
            digest: mark.digest.0,
        };
        fb::StreamWatermark::create(&mut self.builder, &args)
    }

    pub(super) fn state(&mut self, response: &StateResponse) -> Union {
        let streams: Vec<_> = response.streams.iter().map(|state| self.stream_state(state)).collect();
        let streams = Some(self.builder.create_vector(&streams));
        union!(
            self,
            StateResponse,
            fb::StateResponseArgs {
                partition: response.partition,
                epoch: response.epoch.0,
                position: response.position.0,
                streams,
                has_more: response.has_more,
            }
        )
    }

    fn stream_state(&mut self, state: &StreamState) -> WIPOffset<fb::StreamState<'static>> {
        let watermark = Some(self.watermark(&state.key, &state.watermark));
        let nested = |out: &mut Out, bytes: &[u8]| (!bytes.is_empty()).then(|| out.batch_bytes(bytes));
        let window = nested(self, &state.window);
        let forming = nested(self, &state.forming);
        fb::StreamState::create(&mut self.builder, &fb::StreamStateArgs { watermark, window, forming })
    }
}
