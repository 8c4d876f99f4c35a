#!/bin/sh
# Makes the app's platform folders with Flutter's own templates, and fetches the packages. Run it once; what is there
# already stays as it is.   sh tool/bootstrap.sh [PLATFORMS], such as android,ios,web
set -eu
cd "$(dirname "$0")/../app"
command -v flutter >/dev/null || { echo "flutter is not on the PATH: https://docs.flutter.dev/get-started" >&2; exit 3; }
platforms=${1:-android,ios,web,linux,macos,windows}
extras= # what `flutter create` adds beside the platforms, and this app does not want
for file in test/widget_test.dart analysis_options.yaml README.md; do [ -e "$file" ] || extras="$extras $file"; done
flutter create --project-name edgekit_demo --platforms="$platforms" .
rm -f $extras
# flutter_litert wants iOS 15.
if [ -f ios/Podfile ]; then sed -i.bak "s/^# *platform :ios, .*/platform :ios, '15.0'/" ios/Podfile && rm -f ios/Podfile.bak; fi
flutter pub get
echo "next: flutter run, and flutter test"
