//! What a driver tells of the programs of a pipeline (`VK_KHR_pipeline_executable_properties`).

use ash::vk;
use portamark_model::compiled::{Executable, Listing, Statistic};
use std::ffi::c_char;

/// Functions of the extension, of one device.
type Told = ash::khr::pipeline_executable_properties::Device;

/// Returns the programs of `pipeline`, which was made on the device of `from` with statistics asked for; none if the driver
/// does not tell. `texts`: with the texts of the compiler, which must have been asked for too.
pub fn executables(from: &Told, pipeline: vk::Pipeline, texts: bool) -> Vec<Executable> {
    let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
    // SAFETY: the pipeline was just made on this device, with statistics asked for.
    let told = unsafe { from.get_pipeline_executable_properties(&info) }.unwrap_or_default();
    let programs = told.iter().enumerate();
    programs
        .map(|(number, told)| {
            let info =
                vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(number as u32);
            let mut program = Executable::new(&text(&told.name), told.subgroup_size);
            // SAFETY: as above, and the index is below the number of executables.
            let statistics = unsafe { from.get_pipeline_executable_statistics(&info) }.unwrap_or_default();
            program.statistics = statistics.iter().map(statistic).collect();
            if texts {
                program.listings = listings(from, &info);
            }
            program
        })
        .collect()
}

/// Returns the texts of one program.
fn listings(from: &Told, info: &vk::PipelineExecutableInfoKHR<'_>) -> Vec<Listing> {
    // SAFETY: the pipeline was made with its texts asked for. This first call tells their lengths.
    let told = unsafe { from.get_pipeline_executable_internal_representations(info) };
    let mut told = told.unwrap_or_default();
    let mut texts: Vec<Vec<u8>> = told.iter().map(|one| vec![0; one.data_size]).collect();
    for (one, bytes) in told.iter_mut().zip(&mut texts) {
        one.p_data = bytes.as_mut_ptr().cast();
    }
    let mut count = told.len() as u32;
    let read = from.fp().get_pipeline_executable_internal_representations_khr;
    // SAFETY: each element has a buffer of the length that the driver told.
    let result = unsafe { read(from.device(), info, &mut count, told.as_mut_ptr()) };
    if result != vk::Result::SUCCESS {
        return Vec::new();
    }
    let all = told.iter().zip(&texts).take(count as usize);
    let mut all: Vec<(String, &Vec<u8>)> =
        all.filter(|(one, _)| one.is_text == vk::TRUE).map(|(one, bytes)| (text(&one.name), bytes)).collect();
    // Where the instructions are a text of their own, those of what the compiler went through are many times as long,
    // and nobody reads them.
    let is_assembly = |name: &str| name.to_lowercase().contains("assembly");
    if all.iter().any(|(name, _)| is_assembly(name)) {
        all.retain(|(name, _)| is_assembly(name));
    }
    all.into_iter()
        .map(|(name, bytes)| {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            Listing::new(&name, &String::from_utf8_lossy(&bytes[..end]))
        })
        .collect()
}

fn statistic(told: &vk::PipelineExecutableStatisticKHR<'_>) -> Statistic {
    let value = told.value;
    // SAFETY: `format` says which member of the union is set.
    let value = unsafe {
        match told.format {
            vk::PipelineExecutableStatisticFormatKHR::BOOL32 => f64::from(value.b32),
            vk::PipelineExecutableStatisticFormatKHR::INT64 => value.i64 as f64,
            vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => value.f64,
            _ => value.u64 as f64,
        }
    };
    Statistic::new(&text(&told.name), value)
}

/// Returns the text of a field of fixed length.
fn text(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
