//! Questions that are asked again and again over other rows: planned once. Planning a rule takes longer than running it over a few
//! classes, and a log that comes in asks thirty of them.
//!
//! A table stands for whatever rows it was last given. Nothing of the rows is known when a question is planned, so that nothing of
//! them can be in the plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;

/// Tables, and the plans of what was asked of them.
#[derive(Debug, Default)]
pub struct Standing {
    tables: Mutex<BTreeMap<String, Arc<Slot>>>,
    plans: Mutex<HashMap<String, Arc<Steps>>>,
}

/// A question's plan.
#[derive(Debug)]
pub struct Steps {
    /// What is written down first, and where.
    pub first: Vec<(Arc<dyn ExecutionPlan>, Arc<Slot>)>,
    /// What is left.
    pub last: Arc<dyn ExecutionPlan>,
    /// One at a time: two rules may ask the same.
    pub alone: tokio::sync::Mutex<()>,
}

/// A table's rows.
#[derive(Debug)]
pub struct Slot {
    schema: SchemaRef,
    rows: Mutex<Vec<RecordBatch>>,
}

impl Slot {
    /// Takes other rows.
    ///
    /// # Errors
    /// [`DataFusionError`]: they are not of its schema.
    pub fn fill(&self, rows: Vec<RecordBatch>) -> Result<(), DataFusionError> {
        let as_mine = |batch: RecordBatch| RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec());
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) =
            rows.into_iter().map(as_mine).collect::<Result<_, _>>()?;
        Ok(())
    }
}

impl PartitionStream for Slot {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match MemoryStream::try_new(rows, Arc::clone(&self.schema), None) {
            Ok(stream) => Box::pin(stream),
            // It keeps rows as they are given, and fails at nothing.
            Err(_) => Box::pin(datafusion::physical_plan::EmptyRecordBatchStream::new(Arc::clone(&self.schema))),
        }
    }
}

/// Registers a table that holds what its slot holds.
///
/// # Errors
/// [`DataFusionError`].
pub fn register(context: &SessionContext, name: &str, schema: SchemaRef) -> Result<Arc<Slot>, DataFusionError> {
    let slot = Arc::new(Slot { schema: Arc::clone(&schema), rows: Mutex::default() });
    let table = StreamingTable::try_new(schema, vec![Arc::clone(&slot) as Arc<dyn PartitionStream>])?;
    context.register_table(name, Arc::new(table))?;
    Ok(slot)
}

impl Standing {
    /// The table of this name, which is registered when it is first asked for.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn table(
        &self,
        context: &SessionContext,
        name: &str,
        schema: &SchemaRef,
    ) -> Result<Arc<Slot>, DataFusionError> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = tables.get(name) {
            return Ok(Arc::clone(slot));
        }
        let slot = register(context, name, Arc::clone(schema))?;
        tables.insert(name.to_owned(), Arc::clone(&slot));
        Ok(slot)
    }

    /// The plan of a question that was asked before.
    pub fn planned(&self, sql: &str) -> Option<Arc<Steps>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }

    /// Keeps a plan.
    pub fn keep(&self, sql: &str, steps: Steps) -> Arc<Steps> {
        let steps = Arc::new(steps);
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.to_owned(), Arc::clone(&steps));
        steps
    }
}

impl Steps {
    /// The rows, from what the tables hold now.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub async fn run(&self, context: &SessionContext) -> Result<Vec<RecordBatch>, DataFusionError> {
        let _alone = self.alone.lock().await;
        let rows = async |plan: &Arc<dyn ExecutionPlan>| {
            // A join keeps what it has read, which was of the rows before.
            collect(reset_plan_states(Arc::clone(plan))?, context.task_ctx()).await
        };
        for (plan, slot) in &self.first {
            slot.fill(rows(plan).await?)?;
        }
        let found = rows(&self.last).await?;
        for (_, slot) in &self.first {
            slot.fill(Vec::new())?;
        }
        Ok(found)
    }
}
