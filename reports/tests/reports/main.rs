//! What people see of an outcome, tested on a made-up one.

#[cfg(test)]
mod folder;
#[cfg(test)]
mod markup;
#[cfg(test)]
mod page;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod robustness;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod summary;
