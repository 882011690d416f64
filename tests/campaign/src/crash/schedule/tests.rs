use super::*;

const SPAN: Duration = Duration::from_secs(60);

#[test]
fn the_same_seed_gives_the_same_schedule() {
    assert_eq!(Schedule::new(3, SPAN, true), Schedule::new(3, SPAN, true));
    assert_ne!(Schedule::new(3, SPAN, true).faults, Schedule::new(4, SPAN, true).faults);
}

#[test]
fn faults_of_one_target_never_overlap_and_all_end_in_time() {
    for seed in 0..200 {
        let schedule = Schedule::new(seed, SPAN, true);
        for (at, fault) in schedule.faults.iter().enumerate() {
            assert!(fault.at >= WARM_UP && fault.at + fault.lasts <= SPAN, "{fault}");
            let later = schedule.faults.iter().skip(at + 1);
            let overlaps = |other: &&Fault| {
                let both_disk = (fault.deed == Deed::FullDisk) == (other.deed == Deed::FullDisk);
                fault.target == other.target && both_disk && other.at < fault.at + fault.lasts
            };
            assert_eq!(later.clone().find(overlaps), None, "{fault}");
        }
    }
}

#[test]
fn every_target_meets_each_of_its_deeds_within_a_few_seeds() {
    let mut met = std::collections::BTreeSet::new();
    for seed in 0..10 {
        met.extend(Schedule::new(seed, SPAN, true).faults.iter().map(|fault| (fault.target, fault.deed)));
    }
    for target in Target::ALL {
        for deed in target.deeds(true) {
            assert!(met.contains(&(target, *deed)), "{target:?} {deed:?}");
        }
    }
}

#[test]
fn several_are_hit_at_once() {
    let schedule = Schedule::new(1, SPAN, true);
    let pairs = schedule.faults.windows(2).filter(|pair| pair[0].at == pair[1].at);
    assert!(pairs.count() > 3, "{schedule:?}");
}

#[test]
fn without_disks_none_is_filled() {
    let filled = |seed| Schedule::new(seed, SPAN, false).faults.iter().any(|f| f.deed == Deed::FullDisk);
    assert!(!(0..20).any(filled));
}
