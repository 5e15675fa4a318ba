//! `one_of!`: a list of modules becomes the config enum, its names and its dispatch.
//!
//! A new learner, step or tracker is one file (its `mod`), and one row in such a list.

/// Declares the modules, the enum over the struct that each defines, the list of config names, and the view of
/// every variant as the one trait they share.
///
/// ```text
/// one_of! {
///     /// Which learner is fitted.
///     #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
///     #[serde(tag = "type", content = "params", rename_all = "snake_case")]
///     pub enum AnyLearner: Learner {
///         random_forest::RandomForest,
///         dummy::Dummy,
///     }
/// }
/// ```
/// `AnyLearner::NAMES` is `["random_forest", "dummy"]`; `any.name()` is the module's name; `any.as_dyn()` the trait object.
#[macro_export]
macro_rules! one_of {
    ($(#[$attr:meta])* pub enum $Enum:ident : $Trait:path { $($module:ident :: $Type:ident),+ $(,)? }) => {
        $(pub mod $module;)+

        $(#[$attr])*
        pub enum $Enum {
            $(
                #[doc = concat!("`", stringify!($module), "`")]
                $Type($module::$Type),
            )+
        }

        impl $Enum {
            /// The names that a config may use, in the order of the list.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($module)),+];

            /// The name under which a config asks for this one.
            pub fn name(&self) -> &'static str {
                match self { $($Enum::$Type(_) => stringify!($module)),+ }
            }

            /// The variant as what they all are.
            pub fn as_dyn(&self) -> &dyn $Trait {
                match self { $($Enum::$Type(it) => it),+ }
            }
        }
    };
}
