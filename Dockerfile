# Debian, not Alpine: the Temporal SDK's native part is built for glibc.
FROM node:22.21.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY tools/bundle-workflows.mjs tools/
COPY src src
COPY workflows workflows
COPY activities activities
COPY ui ui
RUN npm run build && npm prune --omit=dev

FROM node:22.21.1-bookworm-slim
# The native part checks TLS certificates, such as those of Temporal Cloud, against the system's store.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# Owned by root, run as node: the process cannot change its own code.
USER node
ENTRYPOINT ["node", "--enable-source-maps", "dist/src/cli.js"]
CMD ["gateway"]
