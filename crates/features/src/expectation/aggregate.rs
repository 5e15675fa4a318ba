//! One number of a column between two bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Kind;

use super::bound::{Range, Scalar, check_bounds};
use super::check::Check;
use super::header::Header;
use super::number::{DistinctCount, Extreme, Median as MedianOf, NonNull, Number, NumberCheck, OfMoments};
use super::rows::Listing;
use super::strftime::instant;
use super::{Expectation, Severity, is_false};

/// Declares an expectation about a number of a column.
macro_rules! aggregate {
    ($(#[$attr:meta])* $Name:ident, $Number:ty = $number:expr) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// The least value.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub min_value: Option<Scalar>,
            /// The greatest value.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub max_value: Option<Scalar>,
            /// Whether `min_value` itself is too small.
            #[serde(default, skip_serializing_if = "is_false")]
            pub strict_min: bool,
            /// Whether `max_value` itself is too large.
            #[serde(default, skip_serializing_if = "is_false")]
            pub strict_max: bool,
            /// What a failure means for the run.
            #[serde(default, skip_serializing_if = "Severity::is_default")]
            pub severity: Severity,
        }

        impl Expectation for $Name {
            fn column(&self) -> Option<&str> {
                Some(&self.column)
            }

            fn severity(&self) -> Severity {
                self.severity
            }

            fn check(&self) -> Result<(), String> {
                check_bounds(self.min_value.as_ref(), self.max_value.as_ref())
            }

            fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
                let position = header.position(&self.column)?;
                let bound = |bound: &Option<Scalar>| bring(bound.as_ref(), header.kind(position));
                let (min, max) = (bound(&self.min_value)?, bound(&self.max_value)?);
                let range = Range { min, max, strict_min: self.strict_min, strict_max: self.strict_max };
                let number: $Number = $number;
                Number::may(&number, header, position)?;
                Ok(Box::new(NumberCheck { position, range, number }))
            }
        }
    };
}

/// A bound as a number: of dates and timestamps in their own unit.
fn bring(bound: Option<&Scalar>, kind: Kind) -> Result<Option<f64>, String> {
    let Some(bound) = bound else { return Ok(None) };
    let number = match (bound, kind) {
        (Scalar::Text(text), Kind::Date) => instant(text).map(|seconds| seconds / 86_400.0),
        (Scalar::Text(text), Kind::Timestamp) => instant(text),
        (bound, _) => bound.number(),
    };
    number.map(Some).ok_or_else(|| format!("expected a bound of the column's type ({kind}), found {}", bound.json()))
}

aggregate! {
    /// The least value lies between two bounds.
    Min, Extreme = Extreme { greatest: false }
}

aggregate! {
    /// The greatest value lies between two bounds.
    Max, Extreme = Extreme { greatest: true }
}

aggregate! {
    /// The mean lies between two bounds.
    Mean, OfMoments = OfMoments::Mean
}

aggregate! {
    /// The median lies between two bounds. Needs memory: 8 bytes a cell.
    Median, MedianOf = MedianOf
}

aggregate! {
    /// The standard deviation (of a sample: divided by n - 1) lies between two bounds.
    Stdev, OfMoments = OfMoments::Deviation
}

aggregate! {
    /// The sum lies between two bounds.
    Sum, OfMoments = OfMoments::Sum
}

aggregate! {
    /// The number of distinct values lies between two bounds. Needs memory: about 30 bytes for each of them.
    UniqueCount, DistinctCount = DistinctCount { share: false }
}

aggregate! {
    /// The number of distinct values per cell with a value lies between two bounds. Needs memory: about 30 bytes for each of
    /// them.
    UniqueShare, DistinctCount = DistinctCount { share: true }
}

aggregate! {
    /// The share of cells with a value lies between two bounds.
    NonNullShare, NonNull = NonNull
}
