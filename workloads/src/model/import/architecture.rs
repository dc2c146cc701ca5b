//! The architectures that can be read, and where each keeps its shapes.

use super::fields::Section;

/// A supported architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Architecture {
    /// DeepSeek-V3 and Kimi K2: everything at the top level.
    DeepseekV3,
    /// Kimi K2.5 and K2.6: a DeepSeek-V3 text model under `text_config`.
    KimiK25,
}

impl Architecture {
    const ALL: [Self; 2] = [Self::DeepseekV3, Self::KimiK25];

    /// Its name in `architectures`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DeepseekV3 => "DeepseekV3ForCausalLM",
            Self::KimiK25 => "KimiK25ForConditionalGeneration",
        }
    }

    /// The first supported architecture that the file names.
    pub(super) fn read(root: &Section) -> Option<Self> {
        let names = root.strings("architectures")?;
        let known = |name: &String| Self::ALL.into_iter().find(|known| known.name() == name);
        let found = names.iter().find_map(known);
        if found.is_none() {
            let supported = Self::ALL.map(Self::name).join(", ");
            root.report(
                "architectures",
                &format!(
                    "names the unknown architecture {}; supported: {supported}",
                    names.join(", ")
                ),
            );
        }
        found
    }

    /// The section that holds the shapes.
    pub(super) fn shapes<'a>(self, root: &Section<'a>) -> Option<Section<'a>> {
        let text = match self {
            Self::DeepseekV3 => return Some(root.clone()),
            Self::KimiK25 => root.section("text_config")?,
        };
        if text.has("architectures") {
            let names = text.strings("architectures")?;
            if !names.iter().any(|name| name == Self::DeepseekV3.name()) {
                let expected = Self::DeepseekV3.name();
                text.report("architectures", &format!("must hold {expected}"));
                return None;
            }
        }
        Some(text)
    }
}
