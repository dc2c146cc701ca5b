//! Hardware numbers: each with its unit, source and confidence, and a range where it is assumed.
//!
//! A preset is a RON file of groups of facts. [`facts!`](crate::facts) declares a group, so that
//! every number can be listed, printed with its source, and set by its path.

pub mod fact;
pub mod quantity;

pub use fact::{Confidence, Fact, FactRow, Facts};
pub use quantity::{
    Bandwidth, ByteCount, Count, CycleCount, Dimension, FlopRate, Fraction, Frequency, Power,
    Quantity, Time,
};

/// Declares a group of facts: a struct whose fields are [`Fact`]s or nested groups.
///
/// Fields before `groups` are facts with their dimension; those after it are other groups.
#[macro_export]
macro_rules! facts {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$fdoc:meta])* $field:ident : $dimension:ty,)*
    } groups { $($(#[$gdoc:meta])* $group:ident : $gtype:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $crate::hardware::Fact<$dimension>,)*
            $($(#[$gdoc])* pub $group: $gtype,)*
        }

        impl $crate::hardware::Facts for $name {
            fn rows(&self, prefix: &str, rows: &mut Vec<$crate::hardware::FactRow>) {
                $(rows.push(self.$field.row(format!("{prefix}{}", stringify!($field))));)*
                $(self.$group.rows(&format!("{prefix}{}.", stringify!($group)), rows);)*
            }

            fn set_number(&mut self, path: &str, value: f64) -> bool {
                $(if path == stringify!($field) {
                    self.$field.value.number = value;
                    return true;
                })*
                $(if let Some(rest) = path
                    .strip_prefix(stringify!($group))
                    .and_then(|rest| rest.strip_prefix('.'))
                {
                    return self.$group.set_number(rest, value);
                })*
                let _ = value;
                false
            }

            fn set_text(&mut self, path: &str, text: &str) -> Result<bool, String> {
                $(if path == stringify!($field) {
                    self.$field.set(text)?;
                    return Ok(true);
                })*
                $(if let Some(rest) = path
                    .strip_prefix(stringify!($group))
                    .and_then(|rest| rest.strip_prefix('.'))
                {
                    return self.$group.set_text(rest, text);
                })*
                let _ = text;
                Ok(false)
            }
        }
    };
}
