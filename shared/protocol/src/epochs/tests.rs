use super::{EpochView, Standing};
use crate::LogStatus;
use gapless_model::{Epoch, EpochStart, Seq};

fn view(starts: &[(u64, u64)]) -> EpochView {
    let start = |&(epoch, first): &(u64, u64)| EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) };
    let epochs: Vec<EpochStart> = starts.iter().map(start).collect();
    let epoch = epochs.last().unwrap().epoch;
    EpochView::of_status(&LogStatus { epoch, earliest: Seq(1), latest: Seq(1000), epochs })
}

#[test]
fn an_epoch_shares_what_lies_before_the_first_loss_after_it() {
    let view = view(&[(10, 1), (20, 501), (30, 450), (40, 700)]);
    assert_eq!(view.standing(Epoch(10)), Standing::Earlier { shared: Seq(450) });
    assert_eq!(view.standing(Epoch(20)), Standing::Earlier { shared: Seq(450) });
    assert_eq!(view.standing(Epoch(30)), Standing::Earlier { shared: Seq(700) });
    assert_eq!(view.standing(Epoch(40)), Standing::Current);
}

#[test]
fn an_epoch_outside_the_history_shares_nothing() {
    let view = view(&[(10, 1), (20, 501)]);
    assert_eq!(view.standing(Epoch(15)), Standing::Stale);
    assert_eq!(view.standing(Epoch::UNSTATED), Standing::Stale);
    assert_eq!(view.standing(Epoch(21)), Standing::Newer);
}

#[test]
fn a_history_that_makes_no_sense_counts_as_none() {
    let epochs = vec![EpochStart { epoch: Epoch(9), first_sequence: Seq(1) }];
    let view =
        EpochView::of_status(&LogStatus { epoch: Epoch(10), earliest: Seq(1), latest: Seq(5), epochs });
    assert_eq!(view.standing(Epoch(9)), Standing::Stale);
    assert_eq!(view.standing(Epoch(10)), Standing::Current);
}
