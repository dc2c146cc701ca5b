//! Short lists of numbers that only grow and shrink at their ends; most hold one.

/// A list of numbers below 2^31; several lie in [`Lists`].
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// The only one; [`EMPTY`]; or, once there were several, [`SEVERAL`] plus the number under which
    /// they lie.
    one: u32,
}

const EMPTY: u32 = u32::MAX;
const SEVERAL: u32 = 1 << 31;

impl Default for List {
    fn default() -> Self {
        Self { one: EMPTY }
    }
}

/// What does not fit where it belongs, by numbers from 0 on.
pub(super) struct Spill<T> {
    lists: Vec<Vec<T>>,
    /// Numbers that others of the same numbering give: this one gives each `parts`-th, from `part` on.
    part: u32,
    parts: u32,
}

impl<T> Default for Spill<T> {
    fn default() -> Self {
        Self::part(0, 1)
    }
}

impl<T> Spill<T> {
    /// One of several that number their lists apart.
    pub(super) fn part(part: u32, parts: u32) -> Self {
        Self { lists: Vec::new(), part, parts }
    }

    /// What all `parts` hold, by the same numbers.
    pub(super) fn whole(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 {
            return parts.pop().unwrap_or_default();
        }
        let most = parts.iter().map(|part| part.lists.len()).max().unwrap_or(0);
        let mut whole = Self::default();
        for index in 0..most {
            let of = |part: &mut Self| part.lists.get_mut(index).map(std::mem::take);
            whole.lists.extend(parts.iter_mut().map(|part| of(part).unwrap_or_default()));
        }
        whole
    }

    /// Keeps a list; gives its number.
    pub(super) fn add(&mut self, list: Vec<T>) -> u32 {
        self.lists.push(list);
        (self.lists.len() as u32 - 1) * self.parts + self.part
    }

    /// The list of this number.
    #[inline]
    pub(super) fn items(&self, number: u32) -> &Vec<T> {
        &self.lists[(number / self.parts) as usize]
    }

    pub(super) fn items_mut(&mut self, number: u32) -> &mut Vec<T> {
        &mut self.lists[(number / self.parts) as usize]
    }
}

/// Lists of several numbers.
#[derive(Default)]
pub(super) struct Lists {
    spilled: Spill<u32>,
}

impl Lists {
    /// One of several whose lists one holds in the end.
    pub(super) fn part(part: u32, parts: u32) -> Self {
        Self { spilled: Spill::part(part, parts) }
    }

    /// All parts together.
    pub(super) fn whole(parts: Vec<Self>) -> Self {
        Self { spilled: Spill::whole(parts.into_iter().map(|part| part.spilled).collect()) }
    }

    /// The numbers of a list.
    #[inline]
    pub(super) fn items<'a>(&'a self, list: &'a List) -> &'a [u32] {
        match list.one {
            EMPTY => &[],
            one if one & SEVERAL == 0 => std::slice::from_ref(&list.one),
            one => self.spilled.items(one - SEVERAL),
        }
    }

    /// Appends a number.
    #[inline]
    pub(super) fn push(&mut self, list: &mut List, item: u32) {
        // Larger ones come up in runs that are too long to be counted, and are not used.
        let item = item & (SEVERAL - 1);
        match list.one {
            EMPTY => list.one = item,
            one if one & SEVERAL == 0 => list.one = SEVERAL | self.spilled.add(vec![one, item]),
            one => self.spilled.items_mut(one - SEVERAL).push(item),
        }
    }

    /// Forgets all numbers from `limit` up; the list must be in ascending order.
    pub(super) fn cut(&mut self, list: &mut List, limit: u32) {
        match list.one {
            EMPTY => {}
            one if one & SEVERAL == 0 => list.one = if one < limit { one } else { EMPTY },
            one => {
                let items = self.spilled.items_mut(one - SEVERAL);
                items.truncate(items.partition_point(|&item| item < limit));
            }
        }
    }
}
