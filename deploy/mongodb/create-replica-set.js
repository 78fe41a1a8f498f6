// Run by mongosh --nodb. Creates the replica set and the service's user. Safe to repeat: it then sets the user's password.
const HOSTS = ['mongodb-1:27017', 'mongodb-2:27017', 'mongodb-3:27017'];
const NOT_YET_INITIALIZED = 94;
const USER_EXISTS = 51003;

const root = `root:${encodeURIComponent(process.env.MONGODB_ROOT_PASSWORD)}`;
const first = connect(`mongodb://${root}@${HOSTS[0]}/admin?directConnection=true`);
try {
  first.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.code !== NOT_YET_INITIALIZED) throw error;
  const members = HOSTS.map((host, id) => ({ _id: id, host }));
  first.adminCommand({ replSetInitiate: { _id: 'rs0', members } });
}

// Connecting to the set waits for the election of a primary.
const set = connect(`mongodb://${root}@${HOSTS.join(',')}/admin?replicaSet=rs0&serverSelectionTimeoutMS=60000`);
const database = set.getSiblingDB(process.env.MONGODB_DATABASE);
const user = {
  pwd: process.env.MONGODB_PASSWORD,
  roles: [{ role: 'readWrite', db: process.env.MONGODB_DATABASE }],
};
try {
  database.runCommand({ createUser: 'durable_import', ...user });
} catch (error) {
  if (error.code !== USER_EXISTS) throw error;
  database.runCommand({ updateUser: 'durable_import', ...user });
}
