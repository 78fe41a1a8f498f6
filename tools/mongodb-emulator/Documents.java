import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.bson.Document;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.h2.mvstore.MVMap;

/** A collection whose queries use its indexes, and whose results are never modified afterwards. */
class Documents extends H2Collection {
    /** The `$match` that begins the aggregation of this thread: the library would hand every document to it. */
    static final ThreadLocal<Document> AGGREGATED = new ThreadLocal<>();

    Documents(MongoDatabase database, String name, CollectionOptions options, MVMap<Object, Document> documents,
        MVMap<String, Object> meta, CursorRegistry cursors) {
        super(database, name, options, documents, meta, cursors);
    }

    @Override
    protected QueryResult queryDocuments(Document query, Document orderBy, int skip, int limit, int batchSize,
        Document projection) {
        for (Index<Object> index : getIndexes()) {
            // By value or `$in`, all keys: the library's own way, whatever else the query names.
            Document keys = new Document();
            for (IndexKey key : index.getKeys()) {
                if (query.containsKey(key.getKey())) keys.put(key.getKey(), query.get(key.getKey()));
            }
            if (keys.size() == index.getKeys().size() && index.canHandle(keys)) {
                return matchDocuments(query, index.getPositions(keys), orderBy, skip, limit, batchSize, projection);
            }
        }
        OrderedIndex index = usableFor(query, orderBy);
        if (index == null) return super.queryDocuments(query, orderBy, skip, limit, batchSize, projection);
        int direction = index.orderOf(query, orderBy);
        Document stillToSort = direction == 0 ? orderBy : new Document();
        Stream<Document> candidates = candidates(index, query, direction == -1);
        return matchDocumentsFromStream(candidates, query, stillToSort, skip, limit, batchSize, projection);
    }

    /** One that goes between the look at the index and the look at the document is left out. */
    private Stream<Document> candidates(OrderedIndex index, Document query, boolean backwards) {
        Iterable<Object> positions = index.candidates(query, backwards);
        return StreamSupport.stream(positions.spliterator(), false).map(this::getDocument).filter(Objects::nonNull);
    }

    /** The index that narrows the query down the most; of several such one that sorts, for a limit ends its scan. */
    private OrderedIndex usableFor(Document query, Document orderBy) {
        OrderedIndex best = null;
        for (Index<Object> index : getIndexes()) {
            if (!(index instanceof OrderedIndex ordered)) continue;
            int more = ordered.usedKeys(query) - (best == null ? 0 : best.usedKeys(query));
            boolean sorts = best != null && best.orderOf(query, orderBy) == 0 && ordered.orderOf(query, orderBy) != 0;
            if (more > 0 || more == 0 && sorts && ordered.usedKeys(query) > 0) best = ordered;
        }
        return best;
    }

    /** One document after the other: the items of a large batch do not fit into memory together. */
    @Override
    public Stream<Document> queryAllAsStream() {
        Document match = AGGREGATED.get();
        OrderedIndex index = match == null ? null : usableFor(match, null);
        if (index == null) return super.queryAllAsStream();
        return candidates(index, match, false);
    }

    /**
     * The library changes stored documents in place, field by field, while answers that hold them are being encoded: readers
     * would see half an update and two callers of $inc the same number. Everyone gets copies instead.
     */
    @Override
    protected Document getDocument(Object position) {
        Document stored = super.getDocument(position);
        return stored == null ? null : stored.cloneDeeply();
    }

    @Override
    protected QueryResult createQueryResult(List<Document> documents, int batchSize) {
        return super.createQueryResult(documents.stream().map(Document::cloneDeeply).toList(), batchSize);
    }

    /** It is never read, and costs two encodings a write. */
    @Override
    protected boolean tracksDataSize() {
        return false;
    }
}
