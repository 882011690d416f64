//! Ingest and the journal.

use super::{Out, Union, kind, union};
use crate::generated::fb;
use crate::{
    Durability, IngestAck, IngestBatch, IngestNack, JournalReadRequest, JournalReadResponse,
    JournalRecordView, JournalStatusRequest, JournalStatusResponse, ProducerStatusRequest,
    ProducerStatusResponse,
};
use flatbuffers::WIPOffset;

impl Out {
    pub(super) fn ingest(&mut self, batch: &IngestBatch) -> Union {
        let bytes = self.bytes(&batch.batch);
        let producer_id = self.text(&batch.producer_id);
        union!(
            self,
            IngestBatch,
            fb::IngestBatchArgs {
                producer_id,
                producer_sequence: batch.producer_sequence,
                previous_producer_sequence: batch.previous_producer_sequence,
                batch: bytes,
                ack_may_wait: batch.ack_may_wait,
            }
        )
    }

    pub(super) fn ack(&mut self, ack: &IngestAck) -> Union {
        union!(
            self,
            IngestAck,
            fb::IngestAckArgs {
                producer_sequence: ack.producer_sequence,
                partition: ack.partition,
                position: ack.position.0,
                epoch: ack.epoch.0,
                first_sequence: ack.first.0,
                last_sequence: ack.last.0,
                durability: match ack.durability {
                    Durability::Written => fb::Durability::WRITTEN,
                    Durability::Synced => fb::Durability::SYNCED,
                },
                duplicate: ack.duplicate,
            }
        )
    }

    pub(super) fn nack(&mut self, nack: &IngestNack) -> Union {
        let message = self.text(&nack.error.message);
        union!(
            self,
            IngestNack,
            fb::IngestNackArgs {
                producer_sequence: nack.producer_sequence,
                code: nack.error.code.0,
                message,
                retry_after_ms: nack.error.retry_after_ms,
                expected_previous: nack.expected_previous,
            }
        )
    }

    pub(super) fn producer_request(&mut self, request: &ProducerStatusRequest) -> Union {
        let producer_id = self.text(&request.producer_id);
        let kind = kind(request.key.kind());
        let key = Some(self.key(&request.key));
        union!(self, ProducerStatusRequest, fb::ProducerStatusRequestArgs { producer_id, kind, key })
    }

    pub(super) fn producer_response(&mut self, response: &ProducerStatusResponse) -> Union {
        let producer_id = self.text(&response.producer_id);
        let key = Some(self.key(&response.key));
        union!(
            self,
            ProducerStatusResponse,
            fb::ProducerStatusResponseArgs {
                producer_id,
                kind: kind(response.key.kind()),
                key,
                last_producer_sequence: response.last_producer_sequence,
                latest_sequence: response.latest.0,
            }
        )
    }

    pub(super) fn record(&mut self, record: &JournalRecordView<'_>) -> Union {
        let batch = self.bytes(record.batch);
        let producer_id = self.text(record.producer_id);
        union!(
            self,
            JournalRecord,
            fb::JournalRecordArgs {
                partition: record.partition,
                position: record.position.0,
                epoch: record.epoch.0,
                producer_id,
                producer_sequence: record.producer_sequence,
                content_hash: record.content_hash,
                batch,
            }
        )
    }

    pub(super) fn read_request(&mut self, request: &JournalReadRequest) -> Union {
        let follower_id = self.text(&request.follower_id);
        union!(
            self,
            JournalReadRequest,
            fb::JournalReadRequestArgs {
                partition: request.partition,
                from_position: request.from.0,
                max_bytes: request.max_bytes,
                follower_id,
                acknowledged: request.acknowledged.0,
                acknowledged_epoch: request.acknowledged_epoch.0,
            }
        )
    }

    pub(super) fn read_response(&mut self, response: &JournalReadResponse) -> Union {
        let records: Vec<_> = response.records.iter().map(|bytes| self.record_bytes(bytes)).collect();
        let records = Some(self.builder.create_vector(&records));
        union!(
            self,
            JournalReadResponse,
            fb::JournalReadResponseArgs {
                partition: response.partition,
                epoch: response.epoch.0,
                from_position: response.from.0,
                earliest_position: response.earliest.0,
                latest_position: response.latest.0,
                records,
            }
        )
    }

    fn record_bytes(&mut self, bytes: &[u8]) -> WIPOffset<fb::RecordBytes<'static>> {
        let envelope = self.bytes(bytes);
        fb::RecordBytes::create(&mut self.builder, &fb::RecordBytesArgs { envelope })
    }

    pub(super) fn status_request(&mut self, request: &JournalStatusRequest) -> Union {
        let follower_id = self.text(&request.follower_id);
        union!(
            self,
            JournalStatusRequest,
            fb::JournalStatusRequestArgs {
                partition: request.partition,
                follower_id,
                acknowledged: request.acknowledged.0,
                with_streams: request.with_streams,
                acknowledged_epoch: request.acknowledged_epoch.0,
            }
        )
    }

    pub(super) fn status_response(&mut self, response: &JournalStatusResponse) -> Union {
        let epochs = Some(self.epochs(&response.epochs));
        let streams = Some(self.statuses(&response.streams));
        union!(
            self,
            JournalStatusResponse,
            fb::JournalStatusResponseArgs {
                partition: response.partition,
                epoch: response.epoch.0,
                earliest_position: response.earliest.0,
                latest_position: response.latest.0,
                epochs,
                streams,
                server_time_ms: response.server_time.0,
            }
        )
    }
}
