# One Dockerfile for the five services, the port gateway and the simulator: their images are the same layers under other names,
# so all of them together take hardly more room than one. Needs no BuildKit.
#
#   docker build --build-arg SERVICE=services/predictor --build-arg PORT=8002 -t liminal/predictor .

# Which packages there are, without what is in them: a change of the sources leaves the next stage in the cache.
FROM node:24.19.0-bookworm-slim AS manifests
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages packages
COPY services services
RUN find packages services -type f ! -name package.json -delete

# Optional packages are a second Node and native speed-ups that aren't used. onnxruntime-node brings its libraries for every
# platform: 250 MB that this one can't load. Type declarations and source maps are for people.
FROM node:24.19.0-bookworm-slim AS dependencies
WORKDIR /app
COPY --from=manifests /app ./
RUN npx -y pnpm@12.21.0 install --prod --frozen-lockfile --no-optional \
 && platform=$(node -p '[process.platform, process.arch].join("/")') \
 && find node_modules/.pnpm/onnxruntime-node@*/node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d \
      ! -path "*/$platform" -exec rm -rf {} + \
 && find node_modules/.pnpm -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete

# Node and the Debian below it, without package managers, headers, manuals and translations. What is installed stays listed
# in /var/lib/dpkg, where scanners look.
FROM node:24.19.0-bookworm-slim AS base
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share /opt/yarn* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
      /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bash-completion \
      /var/cache/apt /var/cache/debconf /var/lib/apt/lists /var/log /tmp /root/.npm /home/node/.npm \
 && install -d -m 1777 /tmp && install -d /var/log

# As one layer: what the base image had and this one hasn't would otherwise be carried along.
FROM scratch
COPY --from=base / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache MALLOC_ARENA_MAX=2 NODE_OPTIONS=--max-semi-space-size=4 \
    HOST=0.0.0.0
# New volumes mounted here take over the owner.
RUN install -d -o node -g node /app/compile-cache /var/lib/liminal/signing-key /var/lib/liminal/public-key
WORKDIR /app
COPY --from=dependencies /app ./
COPY packages packages
COPY services services
USER node
# With its code in the compile cache, which is one user's, a service starts sooner and never loads the compiler that strips
# types. All programs in one layer, the same in each image.
RUN for program in services/*/src/main.ts packages/gateway/src/main.ts; do node "$program" --check || exit 1; done \
 && node packages/launcher/src/bin/simulate.ts --help >/dev/null
ARG SERVICE
ARG PORT
WORKDIR /app/${SERVICE}
ENV PORT=${PORT}
EXPOSE ${PORT}
CMD ["node", "src/main.ts"]
