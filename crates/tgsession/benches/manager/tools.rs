//! What several parts use.

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// For [`at_once`]: all of them.
pub(crate) const ALL: usize = usize::MAX;

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("the system has threads to give")
}

/// Runs futures as tasks, so many at once. What they bring is in the order in which they end.
pub(crate) async fn at_once<F>(limit: usize, futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut tasks: JoinSet<F::Output> = JoinSet::new();
    let mut outputs: Vec<F::Output> = Vec::new();
    for future in futures {
        if tasks.len() >= limit {
            outputs.extend(next(&mut tasks).await);
        }
        tasks.spawn(future);
    }
    while let Some(output) = next(&mut tasks).await {
        outputs.push(output);
    }
    outputs
}

async fn next<T: 'static>(tasks: &mut JoinSet<T>) -> Option<T> {
    let output = tasks.join_next().await?;
    Some(output.expect("a bench does not panic"))
}

/// The value that so many percent of the values are below.
pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}
