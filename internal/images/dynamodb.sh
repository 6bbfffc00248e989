#!/usr/bin/env bash
# Builds authstore/dynamodb:local, which starts as amazon/dynamodb-local does:
# DynamoDB Local 3.3.1 with its dependencies (dynamodb.pom.xml), on Java 17.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need maven mvn --version
say "downloading DynamoDB Local"
quietly mvn -B -f "$here/dynamodb.pom.xml" -Dtarget="$work/target" package

debian openjdk-17-jre-headless
mkdir -p "$root/opt/dynamodb"
cp -r "$work"/target/DynamoDBLocal{.jar,_lib} "$root/opt/dynamodb/"
finish 'WORKDIR /opt/dynamodb' 'ENTRYPOINT ["java"]' \
  'CMD ["-jar", "DynamoDBLocal.jar", "-inMemory"]' 'EXPOSE 8000'
