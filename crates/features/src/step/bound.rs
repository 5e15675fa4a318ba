//! Numbers that know their bounds: checked when a config is read, plain numbers when written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Declares such a number: what it is made of, which values it takes, how a message and the JSON Schema say so.
macro_rules! bounded {
    ($(#[$attr:meta])* $Name:ident($inner:ident), $as:literal, |$value:ident| $holds:expr, $expected:literal, $schema:tt) => {
        $(#[$attr])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = $as, into = $as)]
        pub struct $Name($inner);

        impl TryFrom<$inner> for $Name {
            type Error = String;

            fn try_from($value: $inner) -> Result<Self, String> {
                if $holds { Ok(Self($value)) } else { Err(format!(concat!("expected ", $expected, ", found {}"), $value)) }
            }
        }

        impl From<$Name> for $inner {
            fn from(value: $Name) -> Self {
                value.0
            }
        }

        impl JsonSchema for $Name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($Name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

bounded! {
    /// A number from 0 to 1.
    Fraction(f64), "f64", |value| (0.0..=1.0).contains(&value), "a number from 0 to 1",
    {"type": "number", "minimum": 0, "maximum": 1}
}

bounded! {
    /// A finite number above zero.
    Positive(f64), "f64", |value| value > 0.0 && value.is_finite(), "a number above 0",
    {"type": "number", "exclusiveMinimum": 0}
}

bounded! {
    /// A whole number from 2 to 65536.
    AtLeastTwo(u32), "u32", |value| (2..=65_536).contains(&value), "a whole number from 2 to 65536",
    {"type": "integer", "minimum": 2, "maximum": 65536}
}

bounded! {
    /// A whole number from 2 to 16777216.
    Buckets(u32), "u32", |value| (2..=16_777_216).contains(&value), "a whole number from 2 to 16777216",
    {"type": "integer", "minimum": 2, "maximum": 16777216}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        assert!(
            Fraction::try_from(1.0).is_ok()
                && Fraction::try_from(1.1).is_err()
                && Fraction::try_from(f64::NAN).is_err()
        );
        assert!(Positive::try_from(0.1).is_ok() && Positive::try_from(0.0).is_err());
        assert!(Positive::try_from(f64::INFINITY).is_err());
        assert!(AtLeastTwo::try_from(2).is_ok() && AtLeastTwo::try_from(1).is_err());
        assert!(
            serde_json::from_str::<Fraction>("2").unwrap_err().to_string().starts_with("expected a number from 0 to 1")
        );
    }
}
