//! How each kind of matrix is stored, from the data type and the `quantization_config`.
//!
//! A kind is quantised if the names of its modules are targets and are not on the ignore list.
//! Embedding and router are never quantised. Where modules of one kind differ, the file is refused:
//! [`Storage`] has one format for each kind.

mod modules;

use super::fields::Section;
use super::pattern::Pattern;
use crate::model::{FeedForward, Storage, WeightFormat};
use modules::ModuleKind;
pub(super) use modules::Names;

/// The storage that the file declares; `None` where a problem was reported.
pub(super) fn read(
    root: &Section,
    shapes: &Section,
    names: Names,
    layers: Option<&[FeedForward]>,
) -> Option<Storage> {
    let plain = data_type(root, shapes);
    let rules = match [root, shapes].into_iter().find(|place| place.has("quantization_config")) {
        Some(place) => Rules::read(&place.section("quantization_config")?),
        None => Some(Rules::default()),
    };
    let (plain, rules, layers) = (plain?, rules?, layers?);
    let format = |kind| rules.format_of_kind(kind, (names, layers), plain, root);
    let head = format(ModuleKind::Head);
    let attention = format(ModuleKind::Attention);
    let experts = format(ModuleKind::Experts);
    let shared = format(ModuleKind::SharedExperts);
    let dense = format(ModuleKind::Dense);
    Some(Storage {
        embedding: plain,
        head: head?,
        attention: attention?,
        router: plain,
        experts: experts?,
        shared: shared?,
        dense: dense?,
    })
}

/// The format of modules that are not quantised.
fn data_type(root: &Section, shapes: &Section) -> Option<WeightFormat> {
    let places =
        [(shapes, "dtype"), (shapes, "torch_dtype"), (root, "dtype"), (root, "torch_dtype")];
    let Some((place, key)) = places.into_iter().find(|(place, key)| place.has(key)) else {
        return Some(WeightFormat::BF16);
    };
    match place.string(key)? {
        "bfloat16" | "float16" => Some(WeightFormat::plain(16)),
        "float32" => Some(WeightFormat::plain(32)),
        other => {
            let supported = "bfloat16, float16, float32";
            place.report(key, &format!("is \"{other}\"; supported: {supported}"));
            None
        }
    }
}

/// Which modules are quantised, and how.
#[derive(Debug, Default)]
struct Rules<'a> {
    groups: Vec<Group>,
    ignore: Vec<Pattern>,
    /// The `quantization_config` itself; `None` where there is none.
    section: Option<Section<'a>>,
}

/// Modules that are quantised alike.
#[derive(Debug)]
struct Group {
    /// `None`: every linear module.
    targets: Option<Vec<Pattern>>,
    format: WeightFormat,
}

impl<'a> Rules<'a> {
    fn read(section: &Section<'a>) -> Option<Self> {
        match section.string("quant_method")? {
            "fp8" => Self::read_fp8(section),
            "fbgemm_fp8" => Self::read_rows(section),
            "mxfp4" => Self::read_mxfp4(section),
            "modelopt" if !section.has("config_groups") => Self::read_algorithm(section),
            "compressed-tensors" | "modelopt" => Self::read_groups(section),
            other => {
                let supported = "fp8, compressed-tensors, modelopt, mxfp4, fbgemm_fp8";
                section.report("quant_method", &format!("is \"{other}\"; supported: {supported}"));
                None
            }
        }
    }

    /// Every linear module but the head in 8-bit floats, with a 32-bit scale for each block.
    fn read_fp8(section: &Section<'a>) -> Option<Self> {
        section.must_be("fmt", "e4m3");
        let block = section.pair("weight_block_size", 1, super::MAX_WIDTH);
        let ignore = patterns(section, "modules_to_not_convert");
        let [rows, columns] = block?;
        let format =
            WeightFormat { bits: 8, group: Some(columns), group_rows: rows, scale_bits: 32 };
        Some(Self::all_but_the_head(section, ignore?, format))
    }

    /// Every linear module but the head in 8-bit floats; the scale of each row is not counted.
    fn read_rows(section: &Section<'a>) -> Option<Self> {
        let ignore = patterns(section, "modules_to_not_convert")?;
        Some(Self::all_but_the_head(section, ignore, WeightFormat::plain(8)))
    }

    /// The experts in 4-bit floats with an 8-bit scale for each group of 32, and nothing else.
    fn read_mxfp4(section: &Section<'a>) -> Option<Self> {
        let ignore = patterns(section, "modules_to_not_convert")?;
        let targets = Pattern::new("re:.*\\.experts\\..*").ok();
        let group =
            Group { targets: Some(targets.into_iter().collect()), format: WeightFormat::MXFP4 };
        Some(Self { groups: vec![group], ignore, section: Some(section.clone()) })
    }

    /// One algorithm for every linear module but the head, as older ModelOpt files have it.
    fn read_algorithm(section: &Section<'a>) -> Option<Self> {
        let mut ignore = patterns(section, "ignore")?;
        ignore.extend(patterns(section, "exclude_modules")?);
        let format = match section.string("quant_algo")? {
            "NVFP4" => {
                let group = section.optional_size("group_size", 1, super::MAX_WIDTH, Some(16));
                WeightFormat { group: Some(group?), ..WeightFormat::NVFP4 }
            }
            "FP8" => WeightFormat::plain(8),
            other => {
                let what = format!("is \"{other}\"; supported: NVFP4, FP8");
                section.report("quant_algo", &what);
                return None;
            }
        };
        Some(Self::all_but_the_head(section, ignore, format))
    }

    fn all_but_the_head(
        section: &Section<'a>,
        mut ignore: Vec<Pattern>,
        format: WeightFormat,
    ) -> Self {
        ignore.extend(Pattern::new("lm_head"));
        let groups = vec![Group { targets: None, format }];
        Self { groups, ignore, section: Some(section.clone()) }
    }

    /// Groups of modules, each with its own format.
    fn read_groups(section: &Section<'a>) -> Option<Self> {
        let ignore = patterns(section, "ignore");
        let list = section.section("config_groups")?;
        let groups: Vec<_> = list.keys().map(|key| Group::read(&list.section(key)?)).collect();
        let groups = groups.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self { groups, ignore: ignore?, section: Some(section.clone()) })
    }

    /// The one format of all modules of `kind`.
    fn format_of_kind(
        &self,
        kind: ModuleKind,
        (names, layers): (Names, &[FeedForward]),
        plain: WeightFormat,
        root: &Section,
    ) -> Option<WeightFormat> {
        let mut first: Option<(String, WeightFormat)> = None;
        for module in kind.modules(names, layers) {
            let format = self.format_of(&module).unwrap_or(plain);
            let (name, expected) = first.get_or_insert_with(|| (module.clone(), format));
            if *expected != format {
                let what = format!(
                    "stores `{name}` in {} bits and `{module}` in {}; \
                     one format for all modules of a kind is supported",
                    expected.bits, format.bits
                );
                let section = self.section.as_ref().unwrap_or(root);
                section.report_here(&what);
                return None;
            }
        }
        Some(first.map_or(plain, |(_, format)| format))
    }

    /// How the module called `name` is quantised, if it is.
    fn format_of(&self, name: &str) -> Option<WeightFormat> {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        let group = self.groups.iter().find(|group| group.targets.as_deref().is_none_or(among))?;
        (!among(&self.ignore)).then_some(group.format)
    }
}

impl Group {
    fn read(section: &Section) -> Option<Self> {
        let targets = section.strings("targets");
        let weights = section.section("weights")?;
        let format = weight_format(&weights);
        let all = targets?.iter().any(|target| target == "Linear");
        let targets = if all { None } else { Some(patterns(section, "targets")?) };
        Some(Self { targets, format: format? })
    }
}

/// Integers carry 16-bit scales, 4-bit floats 8-bit ones. The scale of a whole row or matrix is not
/// counted.
fn weight_format(weights: &Section) -> Option<WeightFormat> {
    weights.must_be("symmetric", true);
    let strategy = if weights.has("strategy") { weights.string("strategy")? } else { "group" };
    let bits = weights.size("num_bits", 1, 16);
    match strategy {
        "group" | "tensor_group" => {}
        "channel" | "tensor" if bits.is_none_or(|bits| bits >= 8) => {
            return Some(WeightFormat::plain(bits?));
        }
        other => {
            let supported = "group, tensor_group, and channel and tensor for 8 bits and more";
            weights.report("strategy", &format!("is \"{other}\"; supported: {supported}"));
        }
    }
    let group = weights.size("group_size", 1, super::MAX_WIDTH);
    let scale_bits = match (weights.string("type")?, bits) {
        ("int", _) => 16,
        ("float", None | Some(4)) => 8,
        ("float", Some(bits)) => {
            weights.report("type", &format!("is \"float\" of {bits} bits; supported: 4 bits"));
            return None;
        }
        (other, _) => {
            weights.report("type", &format!("is \"{other}\"; supported: int, float"));
            return None;
        }
    };
    Some(WeightFormat { bits: bits?, group: Some(group?), group_rows: 1, scale_bits })
}

/// The patterns under `key`; none if it is not there.
fn patterns(section: &Section, key: &str) -> Option<Vec<Pattern>> {
    if !section.has(key) {
        return Some(Vec::new());
    }
    let read = |(index, text): (usize, &String)| match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            section.report(&format!("{key}[{index}]"), &format!("is no pattern: {error}"));
            None
        }
    };
    let list: Vec<_> = section.strings(key)?.iter().enumerate().map(read).collect();
    list.into_iter().collect()
}
