import java.io.BufferedWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/**
 * Runs files of statements that `highwater sql --dialect flink` prints, each in an environment of its own.
 *
 * <p>Each argument is `STATEMENTS=RESULT`. The rows of a file's last SELECT are written to RESULT as CSV: NULL is empty, text is
 * between quotes. What an INSERT writes is where its table says. Where a statement fails, RESULT has `ERROR` and why.
 */
public class RunStatements {
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss");

    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("parallelism.default", "1");
        conf.setString("rest.port", "0");
        conf.setString("rest.bind-port", "0");
        for (String arg : args) {
            String[] pair = arg.split("=", 2);
            long began = System.nanoTime();
            String what = run(Path.of(pair[0]), Path.of(pair[1]), conf);
            System.out.println(pair[0] + ": " + what + ", " + (System.nanoTime() - began) / 1_000_000 + " ms");
        }
    }

    /** Runs one file, and says how it went. */
    private static String run(Path statements, Path result, Configuration conf) throws IOException {
        try (BufferedWriter out = Files.newBufferedWriter(result)) {
            try {
                return rows(split(Files.readString(statements)), conf, out) + " rows";
            } catch (Exception | Error error) {
                Throwable cause = error;
                while (cause.getCause() != null && cause.getCause() != cause) {
                    cause = cause.getCause();
                }
                String why = (cause.getMessage() == null ? cause.toString() : cause.getMessage()).strip();
                out.flush();
                Files.writeString(result, "ERROR " + why + "\n");
                return "ERROR " + why.lines().findFirst().orElse("");
            }
        }
    }

    private static long rows(List<String> statements, Configuration conf, BufferedWriter out) throws Exception {
        boolean live = statements.stream().anyMatch(s -> s.matches("SET 'execution.runtime-mode' = 'streaming'"));
        EnvironmentSettings.Builder settings = EnvironmentSettings.newInstance().withConfiguration(conf);
        TableEnvironment env = TableEnvironment.create((live ? settings.inStreamingMode() : settings.inBatchMode()).build());
        Pattern set = Pattern.compile("SET '([^']*)' = '([^']*)'");
        long rows = 0;
        for (String statement : statements) {
            Matcher matcher = set.matcher(statement);
            if (matcher.matches()) {
                // SET is a statement of the SQL client; an environment has its configuration.
                env.getConfig().set(matcher.group(1), matcher.group(2));
            } else if (statement.startsWith("SELECT") || statement.startsWith("WITH")) {
                rows = print(env.executeSql(statement), out);
            } else if (statement.startsWith("EXECUTE") || statement.startsWith("INSERT")) {
                env.executeSql(statement).await();
            } else {
                env.executeSql(statement);
            }
        }
        return rows;
    }

    private static long print(TableResult result, BufferedWriter out) throws Exception {
        out.write(String.join(",", result.getResolvedSchema().getColumnNames().stream().map(RunStatements::field).toList()));
        out.write("\n");
        long rows = 0;
        try (CloseableIterator<Row> all = result.collect()) {
            while (all.hasNext()) {
                Row row = all.next();
                if (row.getKind() != RowKind.INSERT) {
                    throw new IllegalStateException("a row is taken back: " + row);
                }
                List<String> fields = new ArrayList<>();
                for (int i = 0; i < row.getArity(); i++) {
                    fields.add(field(row.getField(i)));
                }
                out.write(String.join(",", fields) + "\n");
                rows++;
            }
        }
        return rows;
    }

    private static String field(Object value) {
        if (value == null) {
            return "";
        } else if (value instanceof String) {
            return '"' + value.toString().replace("\"", "\"\"") + '"';
        } else if (value instanceof Instant) {
            return field(LocalDateTime.ofInstant((Instant) value, ZoneOffset.UTC));
        } else if (value instanceof LocalDateTime) {
            LocalDateTime clock = (LocalDateTime) value;
            String part = clock.getNano() == 0 ? "" : String.format(".%06d", clock.getNano() / 1000);
            return CLOCK.format(clock) + part + "Z";
        } else if (value instanceof BigDecimal) {
            return ((BigDecimal) value).toPlainString();
        }
        return value.toString();
    }

    /** The statements of a file: each ends in `;` at the end of a line, and a set of them with its END. */
    private static List<String> split(String text) {
        List<String> all = new ArrayList<>();
        StringBuilder statement = new StringBuilder();
        for (String line : text.split("\n")) {
            if (line.strip().startsWith("--") || line.isBlank() && statement.isEmpty()) {
                continue;
            }
            statement.append(line).append("\n");
            boolean isSet = statement.toString().startsWith("EXECUTE STATEMENT SET");
            if (line.stripTrailing().endsWith(";") && (!isSet || line.strip().equals("END;"))) {
                String bare = statement.toString().strip();
                // The set keeps the semicolon of its last INSERT, and its own.
                all.add(isSet ? bare : bare.substring(0, bare.length() - 1));
                statement.setLength(0);
            }
        }
        return all;
    }
}
