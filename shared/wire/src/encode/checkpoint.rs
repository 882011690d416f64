//! Checkpoints.

use super::{Out, Union, union};
use crate::generated::fb;
use crate::{
    CheckpointClosed, CheckpointLane, CheckpointPart, CheckpointRequest, CheckpointResponse,
    CheckpointStream, CheckpointTarget,
};
use flatbuffers::WIPOffset;

impl Out {
    pub(super) fn checkpoint_request(&mut self, request: &CheckpointRequest) -> Union {
        union!(
            self,
            CheckpointRequest,
            fb::CheckpointRequestArgs {
                partition: request.partition,
                position: request.position.0,
                part: request.part,
            }
        )
    }

    pub(super) fn checkpoint_response(&mut self, response: &CheckpointResponse) -> Union {
        let bytes = self.bytes(&response.bytes);
        union!(
            self,
            CheckpointResponse,
            fb::CheckpointResponseArgs {
                partition: response.partition,
                epoch: response.epoch.0,
                position: response.position.0,
                part: response.part,
                parts: response.parts,
                streams: response.streams,
                bytes,
            }
        )
    }

    pub(super) fn checkpoint_part(&mut self, part: &CheckpointPart) -> Union {
        let streams: Vec<_> = part.streams.iter().map(|stream| self.checkpoint_stream(stream)).collect();
        let streams = Some(self.builder.create_vector(&streams));
        let lanes: Vec<_> = part.lanes.iter().map(|lane| self.checkpoint_lane(lane)).collect();
        let lanes = Some(self.builder.create_vector(&lanes));
        union!(
            self,
            CheckpointPart,
            fb::CheckpointPartArgs {
                partition: part.partition,
                epoch: part.epoch.0,
                position: part.position.0,
                part: part.part,
                parts: part.parts,
                streams,
                lanes,
            }
        )
    }

    fn checkpoint_stream(&mut self, stream: &CheckpointStream) -> WIPOffset<fb::CheckpointStream<'static>> {
        let watermark = Some(self.watermark(&stream.key, &stream.watermark));
        let window = (!stream.window.is_empty()).then(|| self.batch_bytes(&stream.window));
        let targets: Vec<_> = stream.targets.iter().map(|target| self.checkpoint_target(target)).collect();
        let targets = (!targets.is_empty()).then(|| self.builder.create_vector(&targets));
        let args = fb::CheckpointStreamArgs {
            watermark,
            flags: stream.flags.0,
            is_cut: stream.is_cut,
            window,
            targets,
        };
        fb::CheckpointStream::create(&mut self.builder, &args)
    }

    fn checkpoint_target(&mut self, target: &CheckpointTarget) -> WIPOffset<fb::CheckpointTarget<'static>> {
        let interval = Some(self.builder.create_string(&target.interval.to_string()));
        let forming = target.forming.as_ref();
        let args = fb::CheckpointTargetArgs {
            interval,
            candle: forming.map(|forming| self.candle(&forming.candle)),
            first_ts_ms: forming.map_or(0, |forming| forming.first_ts.0),
            last_ts_ms: forming.map_or(0, |forming| forming.last_ts.0),
            has_closed_until: target.closed_until.is_some(),
            closed_until_ms: target.closed_until.map_or(0, |until| until.0),
            is_partial: target.is_partial,
            late_rows: target.late_rows,
            flags: target.flags.0,
        };
        fb::CheckpointTarget::create(&mut self.builder, &args)
    }

    fn checkpoint_lane(&mut self, lane: &CheckpointLane) -> WIPOffset<fb::CheckpointLane<'static>> {
        let key = Some(self.key(&lane.key));
        let pending: Vec<_> = lane.pending.iter().map(|closed| self.checkpoint_closed(closed)).collect();
        let pending = (!pending.is_empty()).then(|| self.builder.create_vector(&pending));
        fb::CheckpointLane::create(
            &mut self.builder,
            &fb::CheckpointLaneArgs { key, seen: lane.seen, pending },
        )
    }

    fn checkpoint_closed(&mut self, closed: &CheckpointClosed) -> WIPOffset<fb::CheckpointClosed<'static>> {
        let candles = Some(self.candles(&closed.candles));
        let args = fb::CheckpointClosedArgs { position: closed.position.0, flags: closed.flags.0, candles };
        fb::CheckpointClosed::create(&mut self.builder, &args)
    }
}
