// Apache Iceberg's own Java library, for scripts/catalogs.py: a REST catalog over files, and programs
// that change tables. Compiled and run with the jars of the PyPI package bodo-iceberg-connector:
//
//   java … IcebergJava serve PORT WAREHOUSE [STORE] a catalog, until it is ended; its metadata is on the disk, or on the S3 at STORE
//   java … IcebergJava current FOLDER               the current snapshot of a table whose catalog is the folder
//   java … IcebergJava files FOLDER                 how many files it has
//   java … IcebergJava delete FOLDER FROM UNTIL     rows whose time `at` is from here until there go, in microseconds
//   java … IcebergJava rollback FOLDER SNAPSHOT     an older snapshot becomes the current one
//
// The catalog answers as CatalogHandlers of the library does: which requirements hold, and what updates make of the metadata,
// is decided there and not here. It wants the token `let-me-in`, or gives it for the client id and secret `me:secret`.

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.*;
import org.apache.iceberg.aws.s3.S3FileIO;
import org.apache.iceberg.catalog.*;
import org.apache.iceberg.exceptions.*;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.hadoop.HadoopTables;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.rest.CatalogHandlers;
import org.apache.iceberg.rest.RESTSerializers;
import org.apache.iceberg.rest.requests.*;
import org.apache.iceberg.rest.responses.ErrorResponse;

class IcebergJava {
  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "serve" -> serve(Integer.parseInt(args[1]), args[2], args.length > 3 ? args[3] : "");
      case "current" -> System.out.println(table(args).currentSnapshot().snapshotId());
      case "files" -> {
        int files = 0;
        try (CloseableIterable<FileScanTask> tasks = table(args).newScan().planFiles()) {
          for (FileScanTask task : tasks) files++;
        }
        System.out.println(files);
      }
      case "delete" -> {
        Table table = table(args);
        Expression from = Expressions.greaterThanOrEqual("at", Long.parseLong(args[2]));
        table.newDelete().deleteFromRowFilter(Expressions.and(from, Expressions.lessThan("at", Long.parseLong(args[3])))).commit();
        System.out.println(table.currentSnapshot().operation() + " " + table.currentSnapshot().snapshotId());
      }
      case "rollback" -> table(args).manageSnapshots().rollbackTo(Long.parseLong(args[2])).commit();
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  /** A table whose catalog is its folder. */
  static Table table(String[] args) {
    return new HadoopTables(new Configuration()).load(args[1]);
  }

  static final ObjectMapper JSON = new ObjectMapper();

  static void serve(int port, String warehouse, String store) throws Exception {
    JSON.setVisibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY);
    JSON.configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    JSON.setPropertyNamingStrategy(new PropertyNamingStrategies.KebabCaseStrategy());
    RESTSerializers.registerAll(JSON);
    Files catalog = new Files(warehouse, store);
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/", exchange -> {
      int status = 200;
      Object answer;
      try {
        answer = answer(catalog, exchange);
      } catch (Exception e) {
        status = status(e);
        answer = ErrorResponse.builder().responseCode(status).withType(e.getClass().getSimpleName()).withMessage(e.getMessage()).build();
      }
      byte[] body = answer == null ? new byte[0] : JSON.writeValueAsBytes(answer);
      exchange.getResponseHeaders().add("Content-Type", "application/json");
      exchange.sendResponseHeaders(answer == null ? 204 : status, body.length == 0 ? -1 : body.length);
      if (body.length > 0) exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
    System.out.println("serving");
  }

  static int status(Exception e) {
    if (e instanceof NoSuchTableException || e instanceof NoSuchNamespaceException) return 404;
    if (e instanceof AlreadyExistsException || e instanceof CommitFailedException) return 409;
    if (e instanceof NotAuthorizedException) return 401;
    if (e instanceof IllegalArgumentException || e instanceof ValidationException) return 400;
    return 500;
  }

  static <T> T read(HttpExchange exchange, Class<T> type) throws Exception {
    return JSON.readValue(exchange.getRequestBody(), type);
  }

  static Object answer(Files catalog, HttpExchange exchange) throws Exception {
    String method = exchange.getRequestMethod();
    String[] path = exchange.getRequestURI().getRawPath().substring(1).split("/");
    if (String.join("/", path).equals("v1/oauth/tokens")) {
      String form = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      if (!form.contains("client_id=me&") && !form.endsWith("client_id=me") || !form.contains("client_secret=secret")) throw new NotAuthorizedException("wrong credentials");
      return Map.of("access_token", "let-me-in", "token_type", "bearer", "expires_in", 3600);
    }
    if (!"Bearer let-me-in".equals(exchange.getRequestHeaders().getFirst("Authorization"))) throw new NotAuthorizedException("no token");
    if (path[1].equals("config")) return Map.of("defaults", Map.of(), "overrides", Map.of("prefix", "of/files"));
    // v1/of/files/namespaces/NS/tables/T
    Namespace namespace = path.length > 4 ? Namespace.of(decoded(path[4]).split("\u001f")) : null;
    if (path.length == 4) return method.equals("POST") ? CatalogHandlers.createNamespace(catalog, read(exchange, CreateNamespaceRequest.class)) : CatalogHandlers.listNamespaces(catalog, Namespace.empty());
    if (path.length == 5) return CatalogHandlers.loadNamespace(catalog, namespace);
    if (path.length == 6) {
      if (method.equals("GET")) return CatalogHandlers.listTables(catalog, namespace);
      CreateTableRequest request = read(exchange, CreateTableRequest.class);
      return request.stageCreate() ? CatalogHandlers.stageTableCreate(catalog, namespace, request) : CatalogHandlers.createTable(catalog, namespace, request);
    }
    TableIdentifier table = TableIdentifier.of(namespace, decoded(path[6]));
    switch (method) {
      case "GET": return CatalogHandlers.loadTable(catalog, table);
      case "HEAD": CatalogHandlers.loadTable(catalog, table); return null;
      case "DELETE": CatalogHandlers.dropTable(catalog, table); return null;
      default: return CatalogHandlers.updateTable(catalog, table, read(exchange, UpdateTableRequest.class));
    }
  }

  static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  /** A catalog that knows which file of metadata each table has. */
  static class Files extends BaseMetastoreCatalog implements SupportsNamespaces {
    final Map<TableIdentifier, String> tables = new ConcurrentHashMap<>();
    final Map<Namespace, Map<String, String>> namespaces = new ConcurrentHashMap<>();
    final String warehouse;
    final FileIO io;

    Files(String warehouse, String store) {
      this.warehouse = warehouse;
      if (!store.isEmpty()) {
        S3FileIO s3 = new S3FileIO();
        s3.initialize(Map.of("s3.endpoint", store, "s3.access-key-id", "test", "s3.secret-access-key", "testtest", "s3.path-style-access", "true", "client.region", "us-east-1"));
        io = s3;
        initialize("files", Map.of());
        return;
      }
      Configuration configuration = new Configuration();
      configuration.set("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem");
      io = new HadoopFileIO(configuration);
      initialize("files", Map.of());
    }

    @Override public String name() { return "files"; }
    @Override protected TableOperations newTableOps(TableIdentifier table) { return new Operations(this, table); }
    @Override protected String defaultWarehouseLocation(TableIdentifier table) { return warehouse + "/" + table; }
    @Override public List<TableIdentifier> listTables(Namespace namespace) { return tables.keySet().stream().filter(t -> t.namespace().equals(namespace)).toList(); }
    @Override public boolean dropTable(TableIdentifier table, boolean purge) { return tables.remove(table) != null; }
    @Override public void renameTable(TableIdentifier from, TableIdentifier to) { tables.put(to, tables.remove(from)); }
    @Override public void createNamespace(Namespace namespace, Map<String, String> metadata) {
      if (namespaces.putIfAbsent(namespace, metadata) != null) throw new AlreadyExistsException("Namespace exists: %s", namespace);
    }
    @Override public List<Namespace> listNamespaces(Namespace namespace) { return List.copyOf(namespaces.keySet()); }
    @Override public Map<String, String> loadNamespaceMetadata(Namespace namespace) {
      Map<String, String> known = namespaces.get(namespace);
      if (known == null) throw new NoSuchNamespaceException("Namespace does not exist: %s", namespace);
      return known;
    }
    @Override public boolean dropNamespace(Namespace namespace) { return namespaces.remove(namespace) != null; }
    @Override public boolean setProperties(Namespace namespace, Map<String, String> properties) { return false; }
    @Override public boolean removeProperties(Namespace namespace, Set<String> properties) { return false; }
  }

  static class Operations extends BaseMetastoreTableOperations {
    final Files catalog;
    final TableIdentifier table;

    Operations(Files catalog, TableIdentifier table) { this.catalog = catalog; this.table = table; }

    @Override protected String tableName() { return table.toString(); }
    @Override public FileIO io() { return catalog.io; }
    @Override public void doRefresh() {
      String location = catalog.tables.get(table);
      if (location == null) {
        if (currentMetadataLocation() != null) throw new NoSuchTableException("Table does not exist: %s", table);
        disableRefresh();
      } else refreshFromMetadataLocation(location);
    }
    @Override public void doCommit(TableMetadata base, TableMetadata metadata) {
      // As the other catalogs of the library do.
      if (base == null && !catalog.namespaces.containsKey(table.namespace())) throw new NoSuchNamespaceException("Namespace does not exist: %s", table.namespace());
      String next = writeNewMetadataIfRequired(base == null, metadata);
      String old = base == null ? null : base.metadataFileLocation();
      catalog.tables.compute(table, (key, now) -> {
        if (!Objects.equals(now, old)) throw base == null ? new AlreadyExistsException("Table exists: %s", table) : new CommitFailedException("Cannot commit %s: it has changed", table);
        return next;
      });
    }
  }
}
