//! A part of the files: for config files whose steps look at one row at a time, run side by side.

use std::fmt;
use std::str::FromStr;

/// Part `index` of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

impl Shard {
    /// The shard of an indexed job of Kubernetes: `JOB_COMPLETION_INDEX` of `TRAINER_SHARDS`; none where neither is set.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let Some(index) = variable("JOB_COMPLETION_INDEX") else { return Ok(None) };
        let Some(count) = variable("TRAINER_SHARDS") else {
            let hint = "hint: set TRAINER_SHARDS to the job's `completions`, or give --shard I/N";
            return Err(format!(
                "expected to know how many shards there are, found JOB_COMPLETION_INDEX alone\n  {hint}"
            ));
        };
        format!("{index}/{count}").parse().map(Some)
    }

    /// Whether the file at this position is this shard's.
    pub fn takes(&self, position: usize) -> bool {
        position as u64 % self.count == self.index
    }

    /// The path of this shard's output: `features.parquet` becomes `features-00001-of-00004.parquet`.
    pub fn path(&self, path: &str) -> String {
        let part = format!("{:05}-of-{:05}", self.index, self.count);
        match path.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') => format!("{stem}-{part}.{extension}"),
            _ => format!("{path}-{part}"),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected I/N, such as 0/4, found `{text}`");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let (index, count) = (index.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
        if index < count { Ok(Self { index, count }) } else { Err(format!("expected I below N, found `{text}`")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_position_among_so_many() {
        let shard: Shard = "1/4".parse().unwrap();
        assert_eq!((0..8).filter(|&at| shard.takes(at)).collect::<Vec<_>>(), [1, 5]);
        assert_eq!(shard.path("s3://b/a.parquet"), "s3://b/a-00001-of-00004.parquet");
        assert_eq!(shard.path("out.d/a"), "out.d/a-00001-of-00004");
        for wrong in ["4/4", "1", "a/2", "1/0", "-1/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_indexed_job_says_which_it_is() {
        let of = |pairs: &'static [(&str, &str)]| {
            Shard::of_environment(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(
            of(&[("JOB_COMPLETION_INDEX", "2"), ("TRAINER_SHARDS", "3")]),
            Ok(Some(Shard { index: 2, count: 3 }))
        );
        assert!(of(&[("JOB_COMPLETION_INDEX", "2")]).unwrap_err().contains("TRAINER_SHARDS"));
        assert!(of(&[("JOB_COMPLETION_INDEX", "3"), ("TRAINER_SHARDS", "3")]).is_err());
    }
}
