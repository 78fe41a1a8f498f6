import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/**
 * Emulates MongoDB: speaks its protocol and keeps its data in one H2 file, for development and tests where mongod cannot be
 * had. A write is answered only once it is in the file: kill -9 loses no acknowledged write.
 * Arguments: port, data file.
 */
public class MongoEmulator extends H2Backend {
    private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findandmodify", "create", "drop",
        "createindexes", "dropindexes", "collmod", "dropdatabase", "renamecollection");
    /** Every connection may wait for a commit on a thread of its own; the driver's default pool has up to 100. */
    private static final int THREADS = 128;
    /** Below this a file is let be: compaction takes time from the writes. */
    private static final long COMPACTION_FROM_BYTES = 64L << 20;
    /** Writes wait for each step, so it is small. */
    private static final int COMPACTION_STEP_BYTES = 1 << 20;
    private static final int COMPACTION_FILL_PERCENT = 40;
    private static final long COMPACTION_PAUSE_NANOS = 1_000_000_000;

    /** The index that this thread adds: what the library hands on is not all of it. */
    private static final ThreadLocal<Document> ADDED = new ThreadLocal<>();

    /** Writes share it, a commit takes it alone: a document and its index entries reach the file together or not at all. */
    private final ReadWriteLock wholeWrites = new ReentrantReadWriteLock(true);
    private final Object committing = new Object();
    private final AtomicLong applied = new AtomicLong();
    private long committed = 0;
    private volatile boolean stopping = false;

    private MongoEmulator(MVStore store) {
        super(store);
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        String command = message.getDocument().keySet().iterator().next();
        if (!WRITES.contains(command.toLowerCase(Locale.ROOT))) return read(message);
        wholeWrites.readLock().lock();
        Document answer;
        try {
            answer = super.handleMessage(message);
        } finally {
            wholeWrites.readLock().unlock();
        }
        commitUpTo(applied.incrementAndGet());
        return answer;
    }

    private Document read(MongoMessage message) {
        try {
            if (message.getDocument().get("pipeline") instanceof List<?> stages && !stages.isEmpty()
                && stages.get(0) instanceof Document first && first.get("$match") instanceof Document match) {
                Documents.AGGREGATED.set(match);
            }
            return super.handleMessage(message);
        } finally {
            Documents.AGGREGATED.remove();
        }
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String databaseName) {
        MVStore store = getMvStore();
        CursorRegistry cursors = getCursorRegistry();
        // Captured variables are set before the constructor above runs, and that one opens the stored collections.
        return new H2Database(databaseName, store, cursors) {
            @Override
            protected MongoCollection<Object> openOrCreateCollection(String name, CollectionOptions options) {
                String map = "databases." + databaseName + "." + name;
                return new Documents(this, name, options, open(store, map), open(store, "meta." + map), cursors);
            }

            @Override
            protected Index<Object> openOrCreateUniqueIndex(String collection, String name, List<IndexKey> keys,
                boolean sparse) {
                String map = getFullCollectionNamespace(collection) + "._index_" + name;
                return new OrderedIndex(open(store, map), name, keys, sparse);
            }

            @Override
            protected void addIndex(Document description) {
                ADDED.set(description);
                try {
                    super.addIndex(description);
                } finally {
                    ADDED.remove();
                }
            }

            @Override
            protected Index<Object> openOrCreateSecondaryIndex(String collection, String name, List<IndexKey> keys,
                boolean sparse) {
                Document description = ADDED.get() == null ? described(collection, name) : ADDED.get();
                Object filter = description.getOrDefault("partialFilterExpression", new Document());
                if (!(filter instanceof Document partial) || !SecondaryIndex.understands(partial)) {
                    return super.openOrCreateSecondaryIndex(collection, name, keys, sparse);
                }
                String map = getFullCollectionNamespace(collection) + "._index_" + name;
                return new SecondaryIndex(open(store, map), name, keys, sparse, partial);
            }

            /** As it was when the index was made, by an earlier process. */
            private Document described(String collection, String name) {
                String namespace = getFullCollectionNamespace(collection);
                return indexes.get().queryAllAsStream()
                    .filter(index -> namespace.equals(index.get("ns")) && name.equals(index.get("name")))
                    .findFirst().orElseGet(Document::new);
            }
        };
    }

    private static <K, V> MVMap<K, V> open(MVStore store, String name) {
        return store.openMap(name, new MVMap.Builder<K, V>().keyType(BsonType.INSTANCE).valueType(BsonType.INSTANCE));
    }

    /** Every commit leaves a few live pages in an old chunk of the file: they are gathered so that the file stays small. */
    private void compactForever() {
        try {
            while (!getMvStore().isClosed()) {
                LockSupport.parkNanos(COMPACTION_PAUSE_NANOS);
                if (getMvStore().getFileStore().size() < COMPACTION_FROM_BYTES) continue;
                wholeWrites.writeLock().lock();
                try {
                    getMvStore().compact(COMPACTION_FILL_PERCENT, COMPACTION_STEP_BYTES);
                } finally {
                    wholeWrites.writeLock().unlock();
                }
            }
        } finally {
            exitUnlessStopping();
        }
    }

    /** A store that an error of its own has closed answers nothing any more, while pings are answered: a new process opens it again. */
    private void exitUnlessStopping() {
        if (stopping) return;
        System.err.println("The store has closed itself; this process ends");
        Runtime.getRuntime().halt(1);
    }

    /** Group commit: the first thread to get here commits all writes that were applied by then. */
    private void commitUpTo(long write) {
        synchronized (committing) {
            if (committed >= write) return;
            wholeWrites.writeLock().lock();
            try {
                long all = applied.get();
                commit();
                committed = all;
            } finally {
                wholeWrites.writeLock().unlock();
            }
        }
    }

    public static void main(String[] args) throws IOException {
        MVStore store = Conversion.open(Path.of(args[1]), MongoEmulator::open);
        // Old versions are never read: keeping them made the file 20 times as large.
        store.setRetentionTime(0);
        store.setVersionsToKeep(0);
        MongoEmulator backend = new MongoEmulator(store);
        MongoServer server = new MongoServer(backend.version(new Reported()));
        Thread compaction = new Thread(backend::compactForever, "compaction");
        compaction.setDaemon(true);
        compaction.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            backend.stopping = true;
            server.shutdownNow();
        }));
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 1, THREADS);
    }

    /** MongoDB 5.0 speaks wire version 13; the library says 8, which drivers of today refuse. */
    private static class Reported implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }
}
