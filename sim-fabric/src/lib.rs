//! What moves data: the wafer's mesh of routers, the Ethernet between wafers, and NVLink.

pub mod mesh;
pub mod nvlink;
