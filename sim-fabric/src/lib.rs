//! What moves data: a wafer's mesh of routers, and NVLink between GPUs. It knows nothing of models.

pub mod mesh;
pub mod nvlink;
