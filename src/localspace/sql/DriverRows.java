import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

import net.razorvine.pickle.Pickler;
import org.apache.spark.NarrowDependency;
import org.apache.spark.Partition;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext$;
import org.apache.spark.TaskContextImpl;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.memory.MemoryManager;
import org.apache.spark.memory.TaskMemoryManager;
import org.apache.spark.memory.UnifiedMemoryManager;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.expressions.CreateArray;
import org.apache.spark.sql.catalyst.expressions.ExplodeBase;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.classic.Dataset;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.classic.SparkSession$;
import org.apache.spark.sql.execution.CoalesceExec;
import org.apache.spark.sql.execution.GenerateExec;
import org.apache.spark.sql.execution.RangeExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.exchange.ShuffleExchangeExec;
import org.apache.spark.sql.execution.python.EvaluatePython;
import org.apache.spark.sql.types.StructType;

/**
 * Computes the rows of small plans in the calling thread, without a Spark job: a job over one row takes 20 ms, its
 * operators a fraction of one. The operators, and what they answer, are the same.
 */
public final class DriverRows {
    /** The id under which Spark's block manager knows code outside of tasks (BlockInfo.NON_TASK_WRITER). */
    private static final long NO_TASK = -1024L;
    private static final int ROWS_IN_BATCH = 100;
    private static final int LONGEST_ARRAY = 1000;
    private static final scala.math.BigInt LONGEST_RANGE = scala.math.BigInt$.MODULE$.apply(10000);

    private final SparkSession session;
    private final MemoryManager memory;
    private final Properties settings = new Properties();
    private final Set operators;
    private final long resultBytes;
    private final AtomicLong numbers = new AtomicLong();
    private final ConcurrentHashMap running = new ConcurrentHashMap();
    private final Set cancelled = ConcurrentHashMap.newKeySet();

    /**
     * Takes the session whose statements run here, which sets nothing afterwards, and the simple class names of the operators
     * that may, separated by spaces. All statements together may take memoryBytes for sorting and grouping, each may answer
     * resultBytes.
     */
    public DriverRows(SparkSession session, String operators, long memoryBytes, long resultBytes) {
        SparkConf conf = session.sparkContext().conf().clone().set("spark.buffer.pageSize", "256k");
        this.session = session;
        this.memory = new UnifiedMemoryManager(conf, memoryBytes, 0L, 1);
        this.operators = new HashSet(Arrays.asList(operators.split(" ")));
        this.resultBytes = resultBytes;
        // A task finds the settings of its session in its properties (SQLExecution.withSQLConfPropagated).
        for (scala.collection.Iterator all = session.sessionState().conf().getAllConfs().iterator(); all.hasNext();) {
            scala.Tuple2 one = (scala.Tuple2) all.next();
            if (((String) one._1()).startsWith("spark.sql")) {
                settings.setProperty((String) one._1(), (String) one._2());
            }
        }
        EvaluatePython.registerPicklers();
    }

    /**
     * Returns the rows of a frame as pickled lists, one after another. Null: the frame needs a job. No bytes: they would be too
     * many, and the plan of the frame was used, so that it can be sent to no task.
     */
    public byte[] rows(Dataset frame, String request) throws IOException {
        SparkPlan planned = frame.queryExecution().executedPlan();
        // An operator takes the session from its thread.
        SparkSession$.MODULE$.setActiveSession(session);
        SparkPlan plan = here(planned);
        if (plan == null) {
            return null;
        }
        RDD rows = plan.execute();
        return isNarrow(rows) ? pickled(rows, frame.schema(), request) : null;
    }

    /** Lets the rows of a request end at the next operator that asks whether it should. */
    public void cancel(String request) {
        cancelled.add(request);
        Object task = running.get(request);
        if (task != null) {
            ((TaskContextImpl) task).markInterrupted("cancelled");
        }
    }

    /** Forgets that a request was cancelled. */
    public void forget(String request) {
        cancelled.remove(request);
    }

    /**
     * Returns a plan as it runs in one thread, null if it must be a job. An exchange whose rows all come into one partition
     * becomes the partitions one after another.
     */
    private SparkPlan here(SparkPlan plan) {
        boolean exchange = plan instanceof ShuffleExchangeExec && plan.outputPartitioning().numPartitions() == 1;
        if (!exchange && !fits(plan)) {
            return null;
        }
        SparkPlan[] children = new SparkPlan[plan.children().size()];
        boolean same = true;
        for (int at = 0; at < children.length; at++) {
            SparkPlan child = (SparkPlan) plan.children().apply(at);
            children[at] = here(child);
            if (children[at] == null) {
                return null;
            }
            same = same && children[at] == child;
        }
        if (exchange) {
            return new CoalesceExec(1, children[0]);
        }
        if (same) {
            return plan;
        }
        return (SparkPlan) plan.withNewChildren(scala.collection.immutable.ArraySeq$.MODULE$.unsafeWrapArray(children));
    }

    /** Returns whether an operator may run here: it reads no subquery, and makes no more rows than its text shows. */
    private boolean fits(SparkPlan plan) {
        if (!plan.subqueries().isEmpty()) {
            return false;
        }
        if (plan instanceof RangeExec) {
            return ((RangeExec) plan).numElements().compare(LONGEST_RANGE) <= 0;
        }
        if (plan instanceof GenerateExec) {
            Object generator = ((GenerateExec) plan).generator();
            Object array = generator instanceof ExplodeBase ? ((ExplodeBase) generator).child() : null;
            if (array instanceof Literal && ((Literal) array).value() instanceof ArrayData) {
                return ((ArrayData) ((Literal) array).value()).numElements() <= LONGEST_ARRAY;
            }
            return array instanceof CreateArray && ((CreateArray) array).children().size() <= LONGEST_ARRAY;
        }
        return operators.contains(plan.getClass().getSimpleName());
    }

    private boolean isNarrow(RDD rdd) {
        for (scala.collection.Iterator parents = rdd.dependencies().iterator(); parents.hasNext();) {
            Object parent = parents.next();
            if (!(parent instanceof NarrowDependency) || !isNarrow(((NarrowDependency) parent).rdd())) {
                return false;
            }
        }
        return true;
    }

    private byte[] pickled(RDD rdd, StructType schema, String request) throws IOException {
        ByteArrayOutputStream found = new ByteArrayOutputStream();
        Partition[] partitions = rdd.partitions();
        for (int at = 0; at < partitions.length; at++) {
            TaskContextImpl task = begin(at, partitions.length, request);
            try {
                scala.collection.Iterator rows = rdd.iterator(partitions[at], task);
                while (rows.hasNext()) {
                    ArrayList batch = new ArrayList();
                    while (batch.size() < ROWS_IN_BATCH && rows.hasNext()) {
                        task.killTaskIfInterrupted();
                        batch.add(EvaluatePython.toJava(rows.next(), schema, true, scala.Option.apply(null)));
                    }
                    byte[] bytes = new Pickler(true, false).dumps(batch.toArray());
                    if (found.size() + bytes.length > resultBytes) {
                        return new byte[0];
                    }
                    found.write(bytes, 0, bytes.length);
                }
            } finally {
                end(task, request);
            }
        }
        if (found.size() == 0) {
            found.write(new Pickler(true, false).dumps(new Object[0]));
        }
        return found.toByteArray();
    }

    private TaskContextImpl begin(int partition, int partitions, String request) {
        TaskMemoryManager own = new TaskMemoryManager(memory, numbers.incrementAndGet());
        TaskContextImpl task = new TaskContextImpl(
            0, 0, partition, NO_TASK, 0, partitions, own, settings, null, new TaskMetrics(),
            scala.math.BigDecimal$.MODULE$.apply(1), scala.collection.immutable.Map$.MODULE$.empty());
        running.put(request, task);
        if (cancelled.contains(request)) {
            task.markInterrupted("cancelled");
        }
        TaskContext$.MODULE$.setTaskContext(task);
        return task;
    }

    private void end(TaskContextImpl task, String request) {
        running.remove(request);
        try {
            task.markTaskCompleted(scala.Option.apply(null));
        } finally {
            TaskContext$.MODULE$.unset();
            task.taskMemoryManager().cleanUpAllAllocatedMemory();
        }
    }
}
