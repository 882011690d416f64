//! The scenarios that are built in, so that the program works from any folder.

macro_rules! scenarios {
    ($($name:literal),+ $(,)?) => {
        /// Names and texts, in the order in which they are best read.
        pub(super) const ALL: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),+];
    };
}

scenarios!(
    "steady",
    "lossy",
    "every-nth",
    "tail-loss",
    "reordered",
    "stalls",
    "silent",
    "changing",
    "flapping",
    "slow-replies",
    "bad-replies",
    "lying-watermarks",
    "restart",
    "new-epoch",
    "from-one",
    "trimmed",
    "hostile",
    "corrupt-values",
    "version-1",
);
