import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.flink.api.common.eventtime.BoundedOutOfOrdernessWatermarks;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkOutputMultiplexer;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.eventtime.WatermarksWithIdleness;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.CloseableIterator;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.apache.flink.util.clock.RelativeClock;

/**
 * Windows of the DataStream API over recorded events, in their order of arrival.
 *
 * <p>The argument is a file with a job in each line, its words between spaces: EVENTS RESULT KIND SIZE SLIDE OFFSET DELAY LATENESS
 * EVERY PARTITIONS IDLE, all times in milliseconds. EVENTS is CSV with a header: number, key, time, partition, arrival. KIND is
 * tumbling, hopping or session. EVERY is 0 for a watermark after each record, or the interval of the timer, which goes by
 * arrival. PARTITIONS is none, known or seen. IDLE is 0 where a partition is never idle.
 *
 * <p>RESULT has a line for each firing, `F,start,end,key,numbers`, and for each late event, `L,number`, as Flink emits them. Watermarks
 * are made and combined by Flink's own classes; only the clock of their timers is that of the recorded arrivals.
 */
public class StreamedJobs {
    /** An event: number, key, time, partition, arrival. */
    private static final TypeInformation<Tuple5<Long, String, Long, String, Long>> EVENT =
            Types.TUPLE(Types.LONG, Types.STRING, Types.LONG, Types.STRING, Types.LONG);

    /** One job. */
    private record Job(
            Path events, Path result, String kind, long size, long slide, long offset, long delay, long lateness, long every,
            String partitions, long idle) {
        static Job of(String line) {
            String[] w = line.trim().split(" +");
            return new Job(
                    Path.of(w[0]), Path.of(w[1]), w[2], Long.parseLong(w[3]), Long.parseLong(w[4]), Long.parseLong(w[5]),
                    Long.parseLong(w[6]), Long.parseLong(w[7]), Long.parseLong(w[8]), w[9], Long.parseLong(w[10]));
        }
    }

    /** The watermarks of the partitions of a source, as a source reader of Flink has them. */
    private static class OfPartitions implements WatermarkGenerator<Tuple5<Long, String, Long, String, Long>>, RelativeClock {
        private final long delay;
        private final long every;
        private final long idle;
        private final boolean split;
        private final TreeSet<String> known;
        /** By the number of an event, when the next one arrives. */
        private final TreeMap<Long, Long> next;
        private final Map<String, WatermarkGenerator<Tuple5<Long, String, Long, String, Long>>> all = new TreeMap<>();
        private WatermarkOutputMultiplexer multiplexer;
        private long now;
        private long lastTick = Long.MIN_VALUE;

        OfPartitions(long delay, long every, long idle, boolean split, TreeSet<String> known, TreeMap<Long, Long> next) {
            this.delay = delay;
            this.every = every;
            this.idle = idle;
            this.split = split;
            this.known = known;
            this.next = next;
        }

        private WatermarkGenerator<Tuple5<Long, String, Long, String, Long>> partition(String name) {
            return all.computeIfAbsent(name, n -> {
                if (split) {
                    multiplexer.registerNewOutput(n, new WatermarkOutputMultiplexer.WatermarkUpdateListener() {
                        @Override
                        public void onWatermarkUpdate(long watermark) {}

                        @Override
                        public void onIdleUpdate(boolean isIdle) {}
                    });
                }
                WatermarkGenerator<Tuple5<Long, String, Long, String, Long>> bounded =
                        new BoundedOutOfOrdernessWatermarks<>(Duration.ofMillis(delay));
                return idle == 0 ? bounded : new WatermarksWithIdleness<>(bounded, Duration.ofMillis(idle), this);
            });
        }

        @Override
        public void onEvent(Tuple5<Long, String, Long, String, Long> event, long time, WatermarkOutput out) {
            if (multiplexer == null) {
                multiplexer = new WatermarkOutputMultiplexer(out);
                known.forEach(this::partition);
            }
            if (lastTick == Long.MIN_VALUE && every > 0) {
                lastTick = Math.floorDiv(event.f4, every);
            }
            String name = split ? event.f3 : "";
            WatermarkGenerator<Tuple5<Long, String, Long, String, Long>> own = partition(name);
            WatermarkOutput immediate = split ? multiplexer.getImmediateOutput(name) : out;
            own.onEvent(event, time, immediate);
            if (every == 0) {
                own.onPeriodicEmit(immediate);
            } else {
                // Flink hands an event on before its generator sees it: what comes before the next event is emitted here.
                ticks(next.getOrDefault(event.f0, event.f4), out);
            }
        }

        /** The timer comes at multiples of its interval, with what arrived before. */
        private void ticks(long arrival, WatermarkOutput out) {
            long last = Math.floorDiv(arrival, every);
            for (long tick = lastTick + 1; tick <= last; tick++) {
                now = tick * every;
                all.forEach((name, own) -> own.onPeriodicEmit(split ? multiplexer.getDeferredOutput(name) : out));
                if (split) {
                    multiplexer.onPeriodicEmit();
                }
            }
            lastTick = last;
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput out) {
            // The timer of the machine has nothing to say to recorded events.
        }

        @Override
        public long relativeTimeMillis() {
            return now;
        }

        @Override
        public long relativeTimeNanos() {
            return now * 1_000_000;
        }
    }

    /** Writes the window, its key and the numbers of its events. */
    private static class Numbers extends ProcessWindowFunction<Tuple5<Long, String, Long, String, Long>, String, String, TimeWindow> {
        @Override
        public void process(
                String key, Context context, Iterable<Tuple5<Long, String, Long, String, Long>> events, Collector<String> out) {
            List<String> numbers = new ArrayList<>();
            events.forEach(event -> numbers.add(event.f0.toString()));
            TimeWindow window = context.window();
            out.collect("F," + window.getStart() + "," + window.getEnd() + "," + key + "," + String.join(" ", numbers));
        }
    }

    public static void main(String[] args) throws Exception {
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            if (!line.isBlank()) {
                run(Job.of(line));
            }
        }
    }

    private static void run(Job job) throws Exception {
        List<Tuple5<Long, String, Long, String, Long>> events = new ArrayList<>();
        for (String line : Files.readAllLines(job.events()).stream().skip(1).toList()) {
            String[] f = line.split(",", -1);
            events.add(Tuple5.of(Long.parseLong(f[0]), f[1], Long.parseLong(f[2]), f[3], Long.parseLong(f[4])));
        }
        TreeSet<String> known = new TreeSet<>();
        if (job.partitions().equals("known")) {
            events.forEach(event -> known.add(event.f3));
        }
        TreeMap<Long, Long> next = new TreeMap<>();
        for (int i = 1; i < events.size(); i++) {
            next.put(events.get(i - 1).f0, events.get(i).f4);
        }
        boolean split = !job.partitions().equals("none");
        Configuration conf = new Configuration();
        conf.setString("rest.port", "0");
        conf.setString("rest.bind-port", "0");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(conf);
        env.setParallelism(1);
        long delay = job.delay();
        long every = job.every();
        long idle = job.idle();
        WatermarkStrategy<Tuple5<Long, String, Long, String, Long>> strategy =
                WatermarkStrategy.<Tuple5<Long, String, Long, String, Long>>forGenerator(
                                context -> new OfPartitions(delay, every, idle, split, known, next))
                        .withTimestampAssigner((event, time) -> event.f2);
        WindowAssigner<Object, TimeWindow> windows =
                switch (job.kind()) {
                    case "tumbling" -> TumblingEventTimeWindows.of(Duration.ofMillis(job.size()), Duration.ofMillis(job.offset()));
                    case "hopping" -> SlidingEventTimeWindows.of(
                            Duration.ofMillis(job.size()), Duration.ofMillis(job.slide()), Duration.ofMillis(job.offset()));
                    default -> EventTimeSessionWindows.withGap(Duration.ofMillis(job.size()));
                };
        OutputTag<Tuple5<Long, String, Long, String, Long>> late = new OutputTag<>("late", EVENT);
        SingleOutputStreamOperator<String> fired =
                env.fromData(events, EVENT)
                        .assignTimestampsAndWatermarks(strategy)
                        .keyBy(event -> event.f1)
                        .window(windows)
                        .allowedLateness(Duration.ofMillis(job.lateness()))
                        .sideOutputLateData(late)
                        .process(new Numbers());
        DataStream<String> both = fired.union(fired.getSideOutput(late).map(event -> "L," + event.f0).returns(Types.STRING));
        try (CloseableIterator<String> all = both.executeAndCollect("streamed");
                Writer out = Files.newBufferedWriter(job.result())) {
            while (all.hasNext()) {
                out.write(all.next() + "\n");
            }
        }
    }
}
