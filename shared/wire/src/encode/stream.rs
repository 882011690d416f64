//! Ranges of one stream: version 1's subscription and backfill, version 2's backfill.

use super::{Out, Union, kind, union};
use crate::generated::fb;
use crate::{
    BackfillCandlesRequest, BackfillCandlesResponse, BackfillRequest, BackfillResponse, SubscribeCandlesAck,
    SubscribeCandlesRequest,
};
use flatbuffers::WIPOffset;

impl Out {
    pub(super) fn subscribe(&mut self, request: &SubscribeCandlesRequest) -> Union {
        let key = Some(self.key(&request.key));
        union!(
            self,
            SubscribeCandlesRequest,
            fb::SubscribeCandlesRequestArgs {
                key,
                has_from_sequence: request.from_exclusive.is_some(),
                from_sequence_exclusive: request.from_exclusive.unwrap_or_default().0,
            }
        )
    }

    pub(super) fn subscribe_ack(&mut self, ack: &SubscribeCandlesAck) -> Union {
        let key = Some(self.key(&ack.key));
        let reason = self.text(&ack.reason);
        union!(
            self,
            SubscribeCandlesAck,
            fb::SubscribeCandlesAckArgs {
                accepted: ack.accepted,
                reason,
                key,
                latest_sequence: ack.latest.0
            }
        )
    }

    pub(super) fn candles_request(&mut self, request: &BackfillCandlesRequest) -> Union {
        let key = Some(self.key(&request.key));
        union!(
            self,
            BackfillCandlesRequest,
            fb::BackfillCandlesRequestArgs {
                key,
                has_from_sequence: request.from_exclusive.is_some(),
                from_sequence_exclusive: request.from_exclusive.unwrap_or_default().0,
                has_end_ts_ms: request.end_ts.is_some(),
                end_ts_ms: request.end_ts.unwrap_or_default().0,
                limit: request.limit,
                has_to_sequence: request.to.is_some(),
                to_sequence: request.to.unwrap_or_default().0,
                epoch: request.epoch.0,
            }
        )
    }

    pub(super) fn candles_response(&mut self, response: &BackfillCandlesResponse) -> Union {
        let candles = Some(self.candles(&response.candles));
        let key = Some(self.key(&response.key));
        union!(
            self,
            BackfillCandlesResponse,
            fb::BackfillCandlesResponseArgs {
                key,
                start_sequence: response.start.0,
                candles,
                has_more: response.has_more,
                next_sequence: response.next.0,
                epoch: response.epoch.0,
                earliest_sequence: response.earliest.0,
                latest_sequence: response.latest.0,
                digest: response.digest.0,
            }
        )
    }

    pub(super) fn backfill_request(&mut self, request: &BackfillRequest) -> Union {
        let key = Some(self.key(&request.key));
        union!(
            self,
            BackfillRequest,
            fb::BackfillRequestArgs {
                kind: kind(request.key.kind()),
                key,
                epoch: request.epoch.0,
                from_sequence_exclusive: request.from_exclusive.0,
                to_sequence: request.to.0,
                has_start_ts_ns: request.start_ts.is_some(),
                start_ts_ns: request.start_ts.unwrap_or_default().0,
                has_end_ts_ns: request.end_ts.is_some(),
                end_ts_ns: request.end_ts.unwrap_or_default().0,
                limit: request.limit,
                max_bytes: request.max_bytes,
            }
        )
    }

    pub(super) fn backfill_response(&mut self, response: &BackfillResponse) -> Union {
        let batches: Vec<_> = response.batches.iter().map(|bytes| self.batch_bytes(bytes)).collect();
        let batches = Some(self.builder.create_vector(&batches));
        let key = Some(self.key(&response.key));
        union!(
            self,
            BackfillResponse,
            fb::BackfillResponseArgs {
                kind: kind(response.key.kind()),
                key,
                asked_from_exclusive: response.asked_from_exclusive.0,
                asked_to: response.asked_to.0,
                served_from: response.served_from.0,
                served_to: response.served_to.0,
                earliest_sequence: response.earliest.0,
                latest_sequence: response.latest.0,
                epoch: response.epoch.0,
                has_more: response.has_more,
                digest: response.digest.0,
                batches,
            }
        )
    }

    /// A batch's envelope inside another message.
    pub(super) fn batch_bytes(&mut self, bytes: &[u8]) -> WIPOffset<fb::BatchBytes<'static>> {
        let envelope = self.bytes(bytes);
        fb::BatchBytes::create(&mut self.builder, &fb::BatchBytesArgs { envelope })
    }
}
