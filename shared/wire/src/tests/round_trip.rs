use super::strategies;
use crate::*;
use proptest::prelude::*;

/// Forgets the values and looks at the variant, so that a new one cannot be left out of the samples.
fn variant(message: &Message) -> std::mem::Discriminant<Message> {
    std::mem::discriminant(message)
}

/// W5: the golden files cover the union.
#[test]
fn the_samples_hold_every_message() {
    let samples = super::samples::version_2();
    let variants: std::collections::HashSet<_> =
        samples.iter().map(|(_, message)| variant(message)).collect();
    assert_eq!(variants.len(), 32);
}

proptest! {
    /// W6: what was sent is what is read.
    #[test]
    fn every_message_reads_back_as_it_was_sent(message in strategies::message(), correlation_id in "[ -~]{0,40}") {
        let bytes = encode_message(&message, &correlation_id);
        let envelope = decode(&bytes, &Limits::reply()).unwrap();
        prop_assert_eq!(&envelope, &Envelope { schema_version: schema_version_of(&message), correlation_id, message });
        prop_assert_eq!(encode(&envelope), bytes);
    }

    /// One encoder for many messages writes what a new one would.
    #[test]
    fn an_encoder_leaves_no_trace_of_the_message_before(
        messages in prop::collection::vec(strategies::message(), 1..6),
        batch in strategies::batch(),
    ) {
        let mut encoder = Encoder::new();
        for message in &messages {
            let fresh = encode_message(message, "id");
            prop_assert_eq!(encoder.message(message, "id"), &fresh);
        }
        let fresh = encode_message(&Message::Batch(batch.clone()), "");
        prop_assert_eq!(encoder.batch(&batch), &fresh);
    }

    /// W20: a record's batch is the bytes that are published, not an equal message.
    #[test]
    fn a_record_carries_its_batch_byte_for_byte(batch in strategies::batch(), record in strategies::record()) {
        let published = Encoder::new().batch(&batch).to_vec();
        let record = JournalRecord { batch: published.clone(), ..record };
        let bytes = Encoder::new().journal_record(&(&record).into()).to_vec();
        let view = JournalRecordView::parse(&bytes, &Limits::live()).unwrap();
        prop_assert_eq!(view.batch, &published);
        prop_assert_eq!(view.to_record(), record);
        prop_assert_eq!(decode_batch(view.batch, &Limits::live()).unwrap(), batch);
    }
}
