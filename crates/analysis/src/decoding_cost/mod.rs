//! The cost of decoding by the model of the Step-3 report: the model, a comparison of many models and devices,
//! and the prices of hardware.

mod comparison;
mod model;
mod prices;

pub use comparison::{DecodingCosts, KindIntensity, ModelCost, decoding_costs};
pub use model::{
    AttentionKind, CacheFormat, Counting, DecodingWork, Disaggregated, PricedHardware, disaggregated,
};
pub use prices::{priced_hardware, read_prices};
